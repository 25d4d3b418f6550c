import { drawPicture, startCamera } from '@graftjs/vision/browser';
import { proxy, wrap } from 'comlink';
import { clear, getMany, set } from 'idb-keyval';
import type { Api, Class, Image, Picture } from './worker.ts';

const $ = <T = HTMLElement>(css: string, within: ParentNode = document): T => within.querySelector(css) as T;
const copy = (id: string): Element => document.importNode($<HTMLTemplateElement>(id).content, true) as never;
const make = document.createElement.bind(document);
const worker = wrap<Api>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));
const [backend, video] = [$<HTMLSelectElement>('select'), $<HTMLVideoElement>('video')];

// What was collected and trained outlives the page, where the browser lets it keep something.
const stored = (async () => getMany(['classes', 'model']))().catch(() => []);
const [classes = [], file] = (await stored) as [Class[]?, Uint8Array<ArrayBuffer>?];
while (classes.length < 2) classes.push({ name: `class ${classes.length + 1}`, pictures: [] });
let model = file;

/** One thing at a time; then says in a sentence what came of it, or what went wrong. */
async function run(work: () => Promise<string | void> | void): Promise<void> {
  const focused = document.activeElement as HTMLElement;
  $<HTMLFieldSetElement>('fieldset').disabled = true;
  try {
    $('#message').textContent = (await work()) ?? '';
    await set('classes', classes);
  } catch (error) {
    $('#message').textContent = (error as Error).message;
  }
  $('a').hidden = !model;
  $<HTMLFieldSetElement>('fieldset').disabled = false;
  focused.focus();
}

/** Pictures from files, chosen or dropped, and from the camera. */
function source(prompt: string, take: (image: Image) => Promise<void>): Element {
  const part = copy('#source');
  const input = $<HTMLInputElement>('input', part);
  $('span', part).textContent = prompt;
  input.onchange = () =>
    run(async () => {
      const wrong: string[] = [];
      for (const file of input.files!) await take(file).catch((error: Error) => wrong.push(error.message));
      input.value = '';
      if (wrong.length) throw new Error(wrong.join('\n'));
    });
  $('button', part).onclick = () =>
    run(async () => {
      if (await startCamera(video)) video.hidden = false;
      else await take(await createImageBitmap(video));
    });
  return part;
}

function show(c: Class): void {
  const part = $('article', copy('#class'));
  const name = $<HTMLInputElement>('input', part);
  const draw = (picture: Picture): void => part.append(drawPicture(picture, make('canvas')));
  const take = async (image: Image): Promise<void> => {
    c.pictures.push(await worker.look(image));
    draw(c.pictures.at(-1)!);
  };
  name.value = c.name;
  name.onchange = () => set('classes', ((c.name = name.value), classes)); // beside other work
  $('button', part).onclick = () => run(() => (part.remove(), void classes.splice(classes.indexOf(c), 1)));
  part.append(source('Drop pictures here, or choose them', take));
  c.pictures.forEach(draw);
  $('#add').before(part);
}

async function explain(image: Image): Promise<void> {
  const { scores, picture } = await worker.explain(image);
  drawPicture(picture, $<HTMLCanvasElement>('#heat')).hidden = false;
  const bar = (ariaLabel: string, value: number) => Object.assign(make('meter'), { ariaLabel, value });
  const lines = scores.map(([name, p]) => [`${name}: ${(100 * p).toFixed(1)} %`, bar(name, p)]);
  $('#scores').replaceChildren(...lines.flat());
}

/** How much is done, and the losses so far. */
function progress(done: number, losses: number[]): void {
  const [x, y] = [300 / (losses.length - 1 || 1), 98 / Math.max(...losses)];
  $<HTMLProgressElement>('progress').value = done;
  $('polyline').setAttribute('points', losses.map((loss, i) => `${i * x},${99 - loss * y}`).join(' '));
  if (losses.length) $('output').textContent = `Epoch ${losses.length}: loss ${losses.at(-1)!.toFixed(3)}`;
}

backend.append(...['wasm', 'webgl', 'onnx', 'cpu'].map((name) => new Option(name)));
backend.onchange = () => run(() => worker.open(backend.value, model));
$('#train').onclick = () =>
  run(async () => {
    await set('model', (model = await worker.train(backend.value, classes, proxy(progress))));
  });
$('a').onclick = () => ($<HTMLAnchorElement>('a').href = URL.createObjectURL(new Blob([model!])));
$('#add').onclick = () => run(() => show(classes[classes.push({ name: 'another', pictures: [] }) - 1]!));
$('#forget').onclick = () => clear().then(() => location.reload());
$('#trial').append(source('Drop a picture to try, or choose one', explain));
// A picture that misses its box must not be opened instead of the page.
document.ondrop = document.ondragover = (e) => e.target instanceof HTMLInputElement || e.preventDefault();
classes.forEach(show);
await run(() => worker.open(backend.value, model));
