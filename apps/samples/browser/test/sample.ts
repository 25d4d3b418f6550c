import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright';
import { build, preview, type InlineConfig } from 'vite';
import { findChromium } from '../../../../scripts/chromium.mjs';

export const executablePath: string | null = findChromium();
/** Without a browser nothing runs here; with CI set, that is a failure. */
export const skip: boolean = executablePath === null && !process.env['CI'];
if (skip) console.warn('The page is not tested: there is no Chromium. Install one, or set CHROME_PATH.');

const root = fileURLToPath(new URL('..', import.meta.url));
const FLAGS =
  '--no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
/** WebGL on the processor: no graphics card is needed. */
export const WEBGL = '--use-angle=swiftshader --enable-unsafe-swiftshader --ignore-gpu-blocklist';

export interface Sample {
  readonly url: string;
  readonly folder: string;
  close(): Promise<void>;
}

/** The page, built as for its visitors and served with its headers, changed where `change` does. */
export async function serveSample(
  change: (headers: Record<string, string>) => void = () => {},
): Promise<Sample> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-sample-browser-'));
  const settings: InlineConfig = {
    root,
    logLevel: 'error', // what it warns of is the time that it takes on a busy machine
    build: { outDir: join(folder, 'dist'), emptyOutDir: true },
  };
  await build(settings);
  const server = await preview({ ...settings, preview: { port: 0, host: '127.0.0.1' } });
  const headers = server.config.preview.headers as Record<string, string>;
  change(headers);
  return {
    url: server.resolvedUrls!.local[0]!,
    folder,
    async close() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function launch(...flags: readonly string[]): Promise<Browser> {
  if (executablePath === null) throw new Error('there is no Chromium: install one, or set CHROME_PATH');
  const args = [FLAGS, ...flags].flatMap((line) => line.split(' '));
  return chromium.launch({ executablePath, args });
}

/** The backend is open, or it was said why not. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(
    () => document.querySelector('fieldset')!.matches(':enabled[aria-busy=false]'),
    null,
    { timeout: 120_000 },
  );
}

export async function openPage(page: Page, url: string): Promise<Page> {
  await page.goto(url);
  await settled(page);
  return page;
}

export const message = (page: Page): Promise<string> => page.locator('#message').innerText();

/** Files on the disk, dropped on the box that says `prompt`: a real drop, as the mouse does it. */
export async function dropFiles(
  page: Page,
  prompt: string,
  files: readonly string[],
  nth = 0,
): Promise<void> {
  await settled(page);
  await drop(page, prompt, files, nth);
  await settled(page);
}

/** The same, whatever the page is doing. */
export async function drop(page: Page, prompt: string, files: readonly string[], nth = 0): Promise<void> {
  const box = page.getByText(prompt).nth(nth);
  await box.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await box.boundingBox())!;
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, x: x + width / 2, y: y + height / 2, data });
  await session.detach();
}

export interface Trained {
  readonly seconds: number;
  /** Of the longest task on the page's main thread, in milliseconds: the processor's time. */
  readonly longestTask: number;
  /** What the page's PerformanceObserver calls long tasks, by the clock, in which other programs have a part. */
  readonly longTasks: readonly number[];
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of the processor, in this thread. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** Presses the button, and watches the page's main thread until the page is done. */
export async function train(page: Page): Promise<Trained> {
  const browser = page.context().browser()!;
  const watch = await page.evaluateHandle(() => {
    const tasks: number[] = [];
    const observer = new PerformanceObserver((list) =>
      tasks.push(...list.getEntries().map((e) => e.duration)),
    );
    observer.observe({ type: 'longtask' });
    return { tasks, observer };
  });
  await browser.startTracing(page, { categories: ['toplevel'] });
  const started = performance.now();
  await page.getByRole('button', { name: 'Train' }).click();
  await settled(page);
  const seconds = (performance.now() - started) / 1000;
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const longTasks = await watch.evaluate(({ tasks, observer }) => {
    tasks.push(...observer.takeRecords().map((e) => e.duration));
    observer.disconnect();
    return tasks;
  });
  return { seconds, longTasks, longestTask: longestOf(trace.traceEvents) };
}

/** @throws where the trace has no tasks: then nothing was measured */
function longestOf(events: readonly TraceEvent[]): number {
  const main = events.find((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain');
  const tasks = events.filter(
    (e) => e.name === 'ThreadControllerImpl::RunTask' && e.pid === main?.pid && e.tid === main.tid && e.tdur,
  );
  if (tasks.length < 60) throw new Error(`the trace has ${tasks.length} tasks of the main thread`);
  return Math.max(...tasks.map((e) => e.tdur!)) / 1000;
}

export async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort().map((name) => join(folder, name));
}

/** What `graft` prints, made from the sources of this clone in the sample's folder. */
export function graft({ folder }: Sample, ...args: readonly string[]): Promise<string> {
  const program = join(folder, 'graft', 'main.mjs');
  if (!existsSync(program)) {
    const [bundler, main] = ['../../../../scripts/bundle.mjs', '../../../cli/src/main.ts'].map((path) =>
      fileURLToPath(new URL(path, import.meta.url)),
    );
    execFileSync(process.execPath, [bundler!, main!, dirname(program)]);
  }
  const child = spawn(process.execPath, [program, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (text) => (out += text));
  return new Promise((resolve, reject) =>
    child
      .on('error', reject)
      .on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`graft ended with ${code}`)))),
  );
}
