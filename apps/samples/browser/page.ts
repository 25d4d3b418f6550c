import { drawPicture, startCamera, stopCamera } from '@graftjs/vision/browser';
import { proxy, wrap } from 'comlink';
import { forgetAll, isKeeper, keep, recall } from './storage.ts';
import type { Api, Class, Image, Picture } from './worker.ts';

/*
 * What happens when somebody presses something, from top to bottom: how work is done, one thing after the other; the boxes that
 * pictures go into; training; trying. The work itself is the worker's: see worker.ts.
 */

const worker = wrap<Api>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));

const find = <T extends Element = HTMLElement>(css: string, within: ParentNode = document): T =>
  within.querySelector<T>(css)!;
/** A copy of what is in a `<template>` of index.html. */
const fromTemplate = (css: string): DocumentFragment =>
  document.importNode(find<HTMLTemplateElement>(css).content, true);

const fieldset = find<HTMLFieldSetElement>('fieldset');
const backend = find<HTMLSelectElement>('select');
const camera = find('#camera');
const video = find<HTMLVideoElement>('video');
const download = find<HTMLAnchorElement>('a');

const { classes, model: keptModel } = await recall();
while (classes.length < 2) classes.push({ name: `class ${classes.length + 1}`, pictures: [] });
/** The file of the model that was trained last. */
let model = keptModel;

// One thing at a time.

let last = Promise.resolve();
/** How many things are asked for and not done yet. */
let waiting = 0;
/** What came of those that were done since there was last nothing to do, a sentence each. */
let said: string[] = [];
/** Where the keyboard was: a button that is disabled loses it. */
let focused: Element | null = null;

/** Does things in the order in which they were asked for; each says in a sentence what came of it, or what went wrong. */
function run(work: () => Promise<string | void> | void): void {
  if (waiting === 0) {
    said = [];
    focused = document.activeElement;
  }
  waiting++;
  showWork();
  last = last.then(async () => {
    try {
      said.push((await work()) ?? '');
      await keep('classes', classes);
    } catch (error) {
      said.push((error as Error).message);
    }
    waiting--;
    showWork();
  });
}

/** Buttons wait while something is done; pictures can be dropped all the same, and are taken in turn. */
function showWork(): void {
  const isBusy = waiting > 0;
  fieldset.disabled = false; // it was until the page was ready
  fieldset.ariaBusy = String(isBusy);
  for (const control of fieldset.querySelectorAll<HTMLButtonElement>('button, select'))
    control.disabled = isBusy;
  const more = waiting > 1 ? `${waiting - 1} more to do when this is done.` : '';
  find('#message').textContent = [...said, more].filter(Boolean).join('\n');
  download.hidden = !model;
  if (!isBusy && document.activeElement === document.body) (focused as HTMLElement | null)?.focus();
}

// Pictures.

/** Where pictures come from: files, chosen or dropped, and the camera. */
function pictureSource(prompt: string, take: (image: Image) => Promise<void>): DocumentFragment {
  const part = fromTemplate('#source');
  const input = find<HTMLInputElement>('input', part);
  find('span', part).textContent = prompt;
  input.onchange = () => {
    const files = [...input.files!];
    input.value = ''; // else the same file cannot be chosen again
    run(() => takeFiles(files, take));
  };
  find('button', part).onclick = () => run(() => takeFromCamera(take));
  return part;
}

/** One that cannot be read does not keep the others out. */
async function takeFiles(files: readonly File[], take: (image: Image) => Promise<void>): Promise<void> {
  const wrong: string[] = [];
  for (const file of files) await take(file).catch((error: Error) => wrong.push(error.message));
  if (wrong.length) throw new Error(wrong.join('\n'));
}

/** The first press shows what the camera sees, the next ones take it. */
async function takeFromCamera(take: (image: Image) => Promise<void>): Promise<void> {
  if (await startCamera(video)) camera.hidden = false;
  else await take(await createImageBitmap(video));
}

/** The box of a class: its name, its pictures, and where more come from. */
function showClass(c: Class): void {
  const box = find('article', fromTemplate('#class'));
  const name = find<HTMLInputElement>('input', box);
  const draw = (picture: Picture): void => {
    const canvas = document.createElement('canvas');
    canvas.role = 'img';
    box.append(drawPicture(picture, canvas));
  };
  name.value = c.name;
  name.oninput = () => {
    c.name = name.value;
    labelClass(c, box);
  };
  name.onchange = () => keep('classes', classes); // at once: it disturbs no work
  find('button', box).onclick = () => removeClass(c, box);
  box.append(
    pictureSource('Drop pictures here, or choose them', async (image) => {
      const picture = await worker.look(image);
      c.pictures.push(picture);
      draw(picture);
      labelClass(c, box);
    }),
  );
  c.pictures.forEach(draw);
  labelClass(c, box);
  find('#add').before(box);
}

/** Who does not see which box a button or a picture is in hears it. */
function labelClass({ name }: Class, box: HTMLElement): void {
  box.ariaLabel = name;
  for (const button of box.querySelectorAll('button')) button.ariaLabel = `${button.textContent}: ${name}`;
  find('label input', box).ariaLabel = `${find('span', box).textContent}: ${name}`;
  box.querySelectorAll('canvas').forEach((canvas, i) => (canvas.ariaLabel = `${name}, picture ${i + 1}`));
}

function removeClass(c: Class, box: HTMLElement): void {
  const count = c.pictures.length;
  if (count && !confirm(`Remove '${c.name}' and its ${count} picture${count > 1 ? 's' : ''}?`)) return;
  run(() => {
    box.remove();
    classes.splice(classes.indexOf(c), 1);
  });
}

function addClass(): void {
  const added: Class = { name: 'another', pictures: [] };
  classes.push(added);
  showClass(added);
}

// Training.

async function train(): Promise<void> {
  model = await worker.train(backend.value, classes, proxy(showProgress)); // a proxy: the worker calls back
  await keep('model', model);
}

/** @param done what is done, as a share of all; @param losses one for each epoch so far */
function showProgress(done: number, losses: readonly number[]): void {
  find<HTMLProgressElement>('progress').value = done;
  // The curve fills the picture's 300 × 100 units, less a unit at the top and one at the bottom.
  const [perEpoch, perLoss] = [300 / (losses.length - 1 || 1), 98 / Math.max(...losses)];
  const points = losses.map((loss, epoch) => `${epoch * perEpoch},${99 - loss * perLoss}`);
  find('polyline').setAttribute('points', points.join(' '));
  if (losses.length) find('output').textContent = `Epoch ${losses.length}: loss ${losses.at(-1)!.toFixed(3)}`;
}

// Trying.

/** What the model takes a picture for, and which part of the picture decided that. */
async function explain(image: Image): Promise<void> {
  const { scores, picture } = await worker.explain(image);
  drawPicture(picture, find<HTMLCanvasElement>('#heat')).hidden = false;
  const lines = scores.flatMap(([name, probability]) => {
    const bar = document.createElement('meter');
    bar.ariaLabel = name;
    bar.value = probability;
    return [`${name}: ${(100 * probability).toFixed(1)} %`, bar];
  });
  find('#scores').replaceChildren(...lines);
}

// What is pressed.

backend.append(...['wasm', 'webgl', 'onnx', 'cpu'].map((name) => new Option(name)));
backend.onchange = () => run(() => worker.open(backend.value, model));
find('#train').onclick = () => run(train);
download.onclick = () => (download.href = URL.createObjectURL(new Blob([model!])));
find('#add').onclick = () => run(addClass);
find('#forget').hidden = !isKeeper;
find('#forget').onclick = () => {
  if (!confirm('Forget all pictures and the model? They are nowhere else, unless you downloaded the model.'))
    return;
  run(async () => {
    await forgetAll();
    location.reload();
    await new Promise(() => {}); // nothing more is kept
  });
};
find('button', camera).onclick = () => {
  stopCamera(video);
  camera.hidden = true;
};
// A picture that misses its box must not be opened instead of the page.
document.ondrop = document.ondragover = (event) => {
  if (!(event.target instanceof HTMLInputElement)) event.preventDefault();
};

// At the start.

const trial = find('#trial');
trial.append(pictureSource('Drop a picture to try, or choose one', explain));
for (const button of trial.querySelectorAll('button')) button.ariaLabel = `${button.textContent}: to try`;
classes.forEach(showClass);
run(async () => {
  const ready = await worker.open(backend.value, model);
  return isKeeper
    ? ready
    : `${ready}\nAnother tab has this page open, and keeps the pictures: what you do here is not kept.`;
});
