import { drawPicture, startCamera, stopCamera } from '@graftjs/vision/browser';
import { proxy, wrap } from 'comlink';
import { clear, getMany, set } from 'idb-keyval';
import type { Api, Class, Image, Picture } from './worker.ts';

const $ = <T = HTMLElement>(css: string, within: ParentNode = document): T => within.querySelector(css) as T;
const copy = (id: string): Element => document.importNode($<HTMLTemplateElement>(id).content, true) as never;
const make = document.createElement.bind(document);
const worker = wrap<Api>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));
const [backend, video] = [$<HTMLSelectElement>('select'), $<HTMLVideoElement>('video')];
const fieldset = $<HTMLFieldSetElement>('fieldset');

/** Whether this tab is the one that stores: two would overwrite each other. It is for as long as it is open. */
const stores = await new Promise<boolean>((resolve) => {
  const { locks } = navigator as { locks?: LockManager }; // missing on pages from http:
  if (!locks) return resolve(true);
  const signal = AbortSignal.timeout(1000); // a page that is loaded anew waits for the one before it
  const hold = (): Promise<never> => (resolve(true), new Promise(() => {}));
  locks.request('graft-sample', { signal }, hold).catch(() => resolve(false));
});
const store = async (key: string, value: unknown): Promise<void> => (stores ? set(key, value) : undefined);

// What was collected and trained outlives the page, where the browser lets it keep something.
const stored = (async () => getMany(['classes', 'model']))().catch(() => []);
const [classes = [], file] = (await stored) as [Class[]?, Uint8Array<ArrayBuffer>?];
while (classes.length < 2) classes.push({ name: `class ${classes.length + 1}`, pictures: [] });
let model = file;

let last = Promise.resolve();
let asked = 0;
let said: string[] = [];
let focused: Element | null = null;

/** One thing at a time, in the order in which they were asked for; each says in a sentence what came of it, or what went wrong. */
function run(work: () => Promise<string | void> | void): void {
  if (asked++ === 0) [said, focused] = [[], document.activeElement];
  showWork();
  last = last.then(async () => {
    try {
      said.push((await work()) ?? '');
      await store('classes', classes);
    } catch (error) {
      said.push((error as Error).message);
    }
    asked--;
    showWork();
  });
}

/** Buttons wait while something is done; pictures can be dropped all the same, and are taken in turn. */
function showWork(): void {
  fieldset.disabled = false;
  fieldset.ariaBusy = String(asked > 0);
  for (const control of fieldset.querySelectorAll<HTMLButtonElement>('button, select'))
    control.disabled = asked > 0;
  const waiting = asked > 1 ? `${asked - 1} more to do when this is done.` : '';
  $('#message').textContent = [...said, waiting].filter(Boolean).join('\n');
  $('a').hidden = !model;
  if (asked === 0 && document.activeElement === document.body) (focused as HTMLElement | null)?.focus();
}

/** Pictures from files, chosen or dropped, and from the camera. */
function source(prompt: string, take: (image: Image) => Promise<void>): Element {
  const part = copy('#source');
  const input = $<HTMLInputElement>('input', part);
  $('span', part).textContent = prompt;
  input.onchange = () => {
    const files = [...input.files!];
    input.value = '';
    run(async () => {
      const wrong: string[] = [];
      for (const file of files) await take(file).catch((error: Error) => wrong.push(error.message));
      if (wrong.length) throw new Error(wrong.join('\n'));
    });
  };
  $('button', part).onclick = () =>
    run(async () => {
      if (await startCamera(video)) $('#camera').hidden = false;
      else await take(await createImageBitmap(video));
    });
  return part;
}

function show(c: Class): void {
  const part = $('article', copy('#class'));
  const name = $<HTMLInputElement>('input', part);
  /** Who does not see which box a button is in hears it. */
  const label = (): void => {
    part.ariaLabel = c.name;
    for (const b of part.querySelectorAll('button')) b.ariaLabel = `${b.textContent}: ${c.name}`;
    $('label input', part).ariaLabel = `${$('span', part).textContent}: ${c.name}`;
    part.querySelectorAll('canvas').forEach((p, i) => (p.ariaLabel = `${c.name}, picture ${i + 1}`));
  };
  const draw = (picture: Picture): void =>
    part.append(drawPicture(picture, Object.assign(make('canvas'), { role: 'img' })));
  const take = async (image: Image): Promise<void> => {
    c.pictures.push(await worker.look(image));
    draw(c.pictures.at(-1)!);
    label();
  };
  name.value = c.name;
  name.oninput = () => {
    c.name = name.value;
    label();
  };
  name.onchange = () => store('classes', classes); // beside other work
  $('button', part).onclick = () => {
    const count = c.pictures.length;
    if (count && !confirm(`Remove '${c.name}' and its ${count} picture${count > 1 ? 's' : ''}?`)) return;
    run(() => (part.remove(), void classes.splice(classes.indexOf(c), 1)));
  };
  part.append(source('Drop pictures here, or choose them', take));
  c.pictures.forEach(draw);
  label();
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
    model = await worker.train(backend.value, classes, proxy(progress));
    await store('model', model);
  });
$('a').onclick = () => ($<HTMLAnchorElement>('a').href = URL.createObjectURL(new Blob([model!])));
$('#add').onclick = () => run(() => show(classes[classes.push({ name: 'another', pictures: [] }) - 1]!));
$('#forget').hidden = !stores;
$('#forget').onclick = () => {
  if (confirm('Forget all pictures and the model? They are nowhere else, unless you downloaded the model.'))
    run(() => clear().then(() => (location.reload(), new Promise(() => {}))));
};
$('#camera button').onclick = () => (stopCamera(video), ($('#camera').hidden = true));
$('#trial').append(source('Drop a picture to try, or choose one', explain));
for (const b of $('#trial').querySelectorAll('button')) b.ariaLabel = `${b.textContent}: to try`;
// A picture that misses its box must not be opened instead of the page.
document.ondrop = document.ondragover = (e) => e.target instanceof HTMLInputElement || e.preventDefault();
classes.forEach(show);
run(async () => {
  const ready = await worker.open(backend.value, model);
  return stores
    ? ready
    : `${ready}\nAnother tab has this page open, and keeps the pictures: what you do here is not kept.`;
});
