import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright';
import { build, preview, type PreviewServer } from 'vite';
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

/** The page, built as for its visitors and served with its headers, but for those named in `without`. */
export async function serveSample(without: readonly string[] = []): Promise<Sample> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-sample-browser-'));
  const settings = { root, logLevel: 'warn', build: { outDir: join(folder, 'dist') } } as const;
  await build(settings);
  const server: PreviewServer = await preview({ ...settings, preview: { port: 0, host: '127.0.0.1' } });
  const headers = server.config.preview.headers as Record<string, string>;
  for (const name of without) delete headers[name];
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
  await page.waitForFunction(() => !document.querySelector('fieldset')!.disabled, null, { timeout: 120_000 });
}

export async function openPage(page: Page, url: string): Promise<Page> {
  await page.goto(url);
  await settled(page);
  return page;
}

export const message = (page: Page): Promise<string> => page.locator('#message').innerText();

/** Files on the disk, dropped on the box that says `prompt`: a real drop, as the mouse does it. */
export async function drop(page: Page, prompt: string, files: readonly string[], nth = 0): Promise<void> {
  const box = page.getByText(prompt).nth(nth);
  await box.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await box.boundingBox())!;
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, x: x + width / 2, y: y + height / 2, data });
  await session.detach();
  await settled(page);
}

/** What `graft` prints, run from a clone. */
export function graft(...args: readonly string[]): Promise<string> {
  const main = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@graftjs/source', '--import', 'tsx', main, ...args], {
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
