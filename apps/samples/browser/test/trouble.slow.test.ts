import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page, Worker } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { drawFolder } from '../../node/test/shapes.ts';
import {
  drop,
  dropFiles,
  filesIn,
  launch,
  message,
  openPage,
  serveSample,
  settled,
  skip,
  WEBGL,
  type Sample,
} from './sample.ts';

// What the tests change in the worker, before the page uses it there.
interface WorkerScope {
  go(): void;
  contexts: WebGL2RenderingContext[];
}

describe.skipIf(skip)('the page, in trouble, says so in a sentence', () => {
  let sample: Sample;
  let photos: string;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    sample = await serveSample();
    photos = await drawFolder(join(sample.folder, 'photos'), 5, ['disc', 'cross']);
  }, 120_000);
  afterAll(() => sample?.close());
  afterEach(() => browser?.close());

  async function start(...flags: readonly string[]): Promise<void> {
    browser = await launch(...flags);
    context = await browser.newContext();
    page = await openPage(await context.newPage(), sample.url);
  }
  async function dropPictures(): Promise<void> {
    for (const [i, shape] of ['disc', 'cross'].entries())
      await dropFiles(page, 'Drop pictures here', await filesIn(join(photos, shape)), i);
  }
  async function choose(backend: string): Promise<string> {
    await page.getByLabel('Backend').selectOption(backend);
    await settled(page);
    return message(page);
  }
  const press = async (name: string, nth = 0): Promise<string> => {
    await page.getByRole('button', { name }).nth(nth).click();
    await settled(page);
    return message(page);
  };
  const losses = (): Promise<string> => page.locator('output').innerText();
  const thumbnails = (): Promise<number> => page.locator('article canvas').count();
  /** Until the first epochs are done: the bar is at one half when the features are. */
  const midway = (): Promise<unknown> =>
    page.waitForFunction(
      () => {
        const { value } = document.querySelector('progress')!;
        return value > 0.5 && value < 0.9;
      },
      null,
      { polling: 5 },
    );
  const workerOf = (of: Page): Worker => of.workers()[0]!;

  it('no WebGL: the other backends go on', async () => {
    await start('--disable-gpu --disable-software-rasterizer');
    const sentence = /^'webgl' needs WebGL 2, which is turned off or missing [^\n]*$/;
    expect(await choose('webgl')).toMatch(sentence);
    await dropPictures();
    expect(await press('Train')).toMatch(sentence);
    expect(await choose('wasm')).toMatch(/^'wasm' is ready/);
    expect(await press('Train')).toBe('');
    expect(await losses()).toMatch(/^Epoch 60/);
  });

  it('no float textures', async () => {
    await start(WEBGL);
    await workerOf(page).evaluate(() => {
      const { prototype } = WebGL2RenderingContext;
      const real = prototype.getExtension as (name: string) => unknown;
      prototype.getExtension = function (this: WebGL2RenderingContext, name: string) {
        return /float/.test(name) ? null : real.call(this, name);
      } as typeof prototype.getExtension;
    });
    expect(await choose('webgl')).toMatch(
      /^'webgl' needs float textures [^\n]*EXT_color_buffer_float[^\n]*$/,
    );
    expect(await choose('wasm')).toMatch(/^'wasm' is ready/);
  });

  it('a graphics context that is lost in the middle of training: it can be trained again', async () => {
    await start(WEBGL);
    await workerOf(page).evaluate(() => {
      const contexts: WebGL2RenderingContext[] = [];
      (globalThis as unknown as WorkerScope).contexts = contexts;
      const real = OffscreenCanvas.prototype.getContext as (...args: unknown[]) => WebGL2RenderingContext;
      OffscreenCanvas.prototype.getContext = function (this: OffscreenCanvas, ...args: unknown[]) {
        const made = real.apply(this, args);
        if (args[0] === 'webgl2' && made) contexts.push(made);
        return made;
      } as typeof OffscreenCanvas.prototype.getContext;
    });
    await dropPictures();
    expect(await choose('webgl')).toMatch(/^'webgl' is ready/);
    await page.getByRole('button', { name: 'Train' }).click();
    await midway();
    const lost = await workerOf(page).evaluate(() => {
      const { contexts } = globalThis as unknown as WorkerScope;
      for (const gl of contexts) gl.getExtension('WEBGL_lose_context')?.loseContext();
      return contexts.length;
    });
    expect(lost).toBeGreaterThan(0);
    await settled(page);
    expect(await message(page)).toMatch(/lost/);
    expect(await message(page)).not.toMatch(/\n/);
    expect(await losses()).not.toMatch(/^Epoch 60/);

    expect(await press('Train')).toBe('');
    expect(await losses()).toMatch(/^Epoch 60/);
  });

  it('no picture among the files: it is named, the others are taken', async () => {
    await start();
    const bad = { text: join(sample.folder, 'notes.txt'), cut: join(sample.folder, 'cut.png') };
    const [first, second] = await filesIn(join(photos, 'disc'));
    await writeFile(bad.text, 'Dear diary');
    await writeFile(bad.cut, (await readFile(first!)).subarray(0, -50));
    await dropFiles(page, 'Drop pictures here', [first!, bad.text, bad.cut, second!]);
    expect((await message(page)).split('\n')).toEqual([
      'notes.txt: is a text file; needed is a JPEG, PNG, WebP, AVIF or GIF picture',
      'cut.png: is cut off or damaged (PNG: its end is missing)',
    ]);
    expect(await thumbnails()).toBe(2);
  });

  it('a class without pictures, a single class, and no model yet', async () => {
    await start();
    await dropFiles(page, 'Drop pictures here', await filesIn(join(photos, 'disc')));
    expect(await press('Train')).toBe("'class 2' has no pictures: give it some, or remove it.");
    await press('Remove', 1);
    expect(await press('Train')).toBe('a classifier needs at least two classes, not 1');
    await dropFiles(page, 'Drop a picture to try', (await filesIn(join(photos, 'disc'))).slice(0, 1));
    expect(await message(page)).toBe('There is no model yet: train one first.');
    expect(await page.getByText('Download the model').isVisible()).toBe(false);
  });

  it('no storage: it works all the same', async () => {
    browser = await launch();
    context = await browser.newContext();
    await context.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('the browser keeps nothing for this page', 'SecurityError');
      };
    });
    page = await openPage(await context.newPage(), sample.url);
    await dropPictures();
    expect(await message(page)).toBe('the browser keeps nothing for this page');
    await press('Train');
    expect(await losses()).toMatch(/^Epoch 60/);
    expect(await page.getByText('Download the model').isVisible()).toBe(true);
  });

  it('no camera', async () => {
    await start();
    await context.grantPermissions(['camera']);
    expect(await press('Use the camera')).toBe('there is no camera here: choose files');
  });

  it('a camera that is refused', async () => {
    await start('--use-fake-device-for-media-stream');
    expect(await press('Use the camera')).toMatch(/^the camera may not be used: allow it for this page/);
    expect(await page.locator('video').isVisible()).toBe(false);
  });

  it('(and takes pictures with one that is allowed)', async () => {
    await start('--use-fake-device-for-media-stream --use-fake-ui-for-media-stream');
    expect(await press('Use the camera')).toBe('');
    expect([await page.locator('video').isVisible(), await thumbnails()]).toEqual([true, 0]);
    for (const nth of [0, 0, 1]) expect(await press('Use the camera', nth)).toBe('');
    expect(await thumbnails()).toBe(3);
    expect(await press('Train')).toBe('');
    expect(await losses()).toMatch(/^Epoch 60/);
    expect(await press('Use the camera', 2)).toBe('');
    expect(await page.locator('#heat').isVisible()).toBe(true);

    await page.setViewportSize({ width: 360, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    const stream = await page.evaluateHandle(() => document.querySelector('video')!.srcObject as MediaStream);
    await press('Stop the camera');
    expect(await page.locator('video').isVisible()).toBe(false);
    expect(await stream.evaluate((s) => s.getTracks().map((track) => track.readyState))).toEqual(['ended']);
    expect(await press('Use the camera')).toBe(''); // and on again
    expect([await page.locator('video').isVisible(), await thumbnails()]).toEqual([true, 3]);
  });

  it('pictures that are dropped while it works are taken in turn, and what went wrong stays said', async () => {
    await start();
    await dropPictures();
    const [disc, cross] = await Promise.all(['disc', 'cross'].map((shape) => filesIn(join(photos, shape))));
    const text = join(sample.folder, 'notes.txt');
    await writeFile(text, 'Dear diary');
    await choose('cpu');
    // The training waits for the base's file until it is let go.
    await workerOf(page).evaluate(() => {
      const real = fetch;
      const scope = globalThis as unknown as WorkerScope & { fetch: typeof fetch };
      scope.fetch = async (...args) => {
        await new Promise<void>((go) => (scope.go = go));
        return real(...args);
      };
    });
    await page.getByRole('button', { name: 'Train' }).click();
    await drop(page, 'Drop pictures here', [disc![0]!, text]);
    await drop(page, 'Drop pictures here', [cross![0]!, cross![1]!], 1);
    await drop(page, 'Drop a picture to try', [disc![1]!]);
    expect(await message(page)).toBe('3 more to do when this is done.');
    expect(await page.getByRole('button', { name: 'Train' }).isDisabled()).toBe(true);
    expect(await thumbnails()).toBe(10);
    await workerOf(page).evaluate(() => (globalThis as unknown as WorkerScope).go());
    await settled(page);
    expect(await losses()).toMatch(/^Epoch 60/);
    expect(await thumbnails()).toBe(13);
    expect(await page.locator('#scores').innerText()).toMatch(/class 1: \d+\.\d %/);
    expect(await message(page)).toMatch(/^notes\.txt: is a text file[^\n]*$/);
  });

  it('a second tab: it works, keeps nothing, and says so', async () => {
    await start();
    await dropPictures();
    const other = await openPage(await context.newPage(), sample.url);
    expect(await message(other)).toMatch(
      /ready[^\n]*\nAnother tab has this page open, and keeps the pictures: what you do here is not kept\.$/,
    );
    expect(await other.getByRole('button', { name: 'Forget everything' }).isVisible()).toBe(false);
    expect(await other.locator('article canvas').count()).toBe(10); // what was there when it opened
    await dropFiles(other, 'Drop pictures here', (await filesIn(join(photos, 'disc'))).slice(0, 2));
    expect(await other.locator('article canvas').count()).toBe(12);
    await dropFiles(page, 'Drop pictures here', (await filesIn(join(photos, 'cross'))).slice(0, 1), 1);
    await other.close();
    await openPage(page, sample.url);
    expect(await message(page)).not.toContain('Another tab');
    expect(await thumbnails()).toBe(11);
  });

  it('asks before it forgets or removes pictures', async () => {
    await start();
    await dropPictures();
    const asked: string[] = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.message());
      void dialog.dismiss();
    });
    await press('Forget everything');
    await press('Remove');
    expect(asked).toEqual([
      'Forget all pictures and the model? They are nowhere else, unless you downloaded the model.',
      "Remove 'class 1' and its 5 pictures?",
    ]);
    expect(await thumbnails()).toBe(10);
  });

  it('names every control, and those of a class with the class', async () => {
    await start();
    await page.getByLabel('Name of the class').first().fill('disc');
    await dropFiles(page, 'Drop pictures here', (await filesIn(join(photos, 'disc'))).slice(0, 2));
    const tree = await page.locator('body').ariaSnapshot();
    for (const line of [
      'article "disc"',
      'textbox "Name of the class": disc',
      'button "Remove: disc"',
      'button "Use the camera: disc"',
      'button "Drop pictures here, or choose them: disc"',
      'img "disc, picture 2"',
      'article "class 2"',
      'button "Remove: class 2"',
      'article "Trial"',
      'button "Use the camera: to try"',
      'combobox "Backend"',
      'progressbar "Training"',
    ])
      expect(tree).toContain(line);
    expect(tree).not.toMatch(/- (button|textbox|combobox|img|progressbar|meter|article)( \[|:|$)/m); // one without a name
  });

  it('closed while it trains: the pictures and the last finished model are there on return', async () => {
    await start();
    await page.getByLabel('Name of the class').first().fill('disc');
    await dropPictures();
    await press('Train');
    const download = async (): Promise<Buffer> => {
      const [event] = await Promise.all([
        page.waitForEvent('download'),
        page.getByText('Download the model').click(),
      ]);
      return readFile(await event.path());
    };
    const before = await download();
    await dropFiles(page, 'Drop pictures here', (await filesIn(join(photos, 'disc'))).slice(0, 2));
    expect(await choose('cpu')).toMatch(/ready/);
    await page.getByRole('button', { name: 'Train' }).click();
    await midway();
    await page.close();

    page = await openPage(await context.newPage(), sample.url);
    expect(await thumbnails()).toBe(12);
    expect(await page.getByLabel('Name of the class').first().inputValue()).toBe('disc');
    expect((await download()).equals(before)).toBe(true);
    await dropFiles(page, 'Drop a picture to try', (await filesIn(join(photos, 'cross'))).slice(0, 1));
    expect(await page.locator('#scores').innerText()).toMatch(/^class 2: \d+\.\d %/);

    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Forget everything' }).click();
    await page.waitForFunction(() => document.querySelectorAll('article canvas').length === 0);
    await settled(page);
    expect(await page.getByText('Download the model').isVisible()).toBe(false);
  });
});

describe.skipIf(skip)('a page that is not cross-origin isolated', () => {
  let sample: Sample;
  let browser: Browser;
  beforeAll(async () => {
    sample = await serveSample((headers) => {
      delete headers['Cross-Origin-Opener-Policy'];
      delete headers['Cross-Origin-Embedder-Policy'];
    });
    browser = await launch();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await sample?.close();
  });

  it.skipIf(availableParallelism() === 1)('runs on one thread, and says so and why', async () => {
    const page = await openPage(await browser.newPage(), sample.url);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(await message(page)).toMatch(
      /^'wasm' runs on one thread instead of \d+: SharedArrayBuffer is not to be had here: a page must be cross-origin isolated/,
    );
    await page.getByLabel('Backend').selectOption('onnx');
    await settled(page);
    expect(await message(page)).toMatch(
      /^'onnx' runs on 1 thread instead of \d+: this page cannot share memory between threads$/,
    );
    const photos = await drawFolder(join(sample.folder, 'photos'), 3, ['disc', 'cross']);
    for (const [i, shape] of ['disc', 'cross'].entries())
      await dropFiles(page, 'Drop pictures here', await filesIn(join(photos, shape)), i);
    for (const backend of ['onnx', 'wasm']) {
      await page.getByLabel('Backend').selectOption(backend);
      await settled(page);
      await page.getByRole('button', { name: 'Train' }).click();
      await settled(page);
      expect(await page.locator('output').innerText()).toMatch(/^Epoch 60/);
    }
  });
});

describe.skipIf(skip).each([
  [' blob:', "backend-wasm's threads"],
  [" 'wasm-unsafe-eval'", 'WebAssembly'],
])('a page whose policy lacks%s', (words, forbidden) => {
  let sample: Sample;
  let browser: Browser;
  beforeAll(async () => {
    sample = await serveSample((headers) => {
      const policy = headers['Content-Security-Policy']!;
      expect(policy).toContain(words);
      headers['Content-Security-Policy'] = policy.replace(words, '');
    });
    browser = await launch();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await sample?.close();
  });

  it.skipIf(availableParallelism() === 1)(
    `goes on without ${forbidden}, and names the directive`,
    async () => {
      const page = await openPage(await browser.newPage(), sample.url);
      if (forbidden === 'WebAssembly') {
        expect(await message(page)).toMatch(
          /^'wasm' may not compile WebAssembly here: the Content-Security-Policy [^\n]* must have 'wasm-unsafe-eval' in script-src[^\n]*$/,
        );
        await page.getByLabel('Backend').selectOption('cpu');
        await settled(page);
      } else {
        expect(await message(page)).toMatch(
          /^'wasm' runs on one thread instead of \d+: [^\n]*Content-Security-Policy[^\n]* must allow worker-src blob:$/,
        );
      }
      const photos = await drawFolder(join(sample.folder, 'photos'), 3, ['disc', 'cross']);
      for (const [i, shape] of ['disc', 'cross'].entries())
        await dropFiles(page, 'Drop pictures here', await filesIn(join(photos, shape)), i);
      await page.getByRole('button', { name: 'Train' }).click();
      await settled(page);
      expect(await page.locator('output').innerText()).toMatch(/^Epoch 60/);
    },
  );
});
