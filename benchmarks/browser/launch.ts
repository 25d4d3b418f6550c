import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright';
import { createServer, defaultClientConditions } from 'vite';
import { findChromium } from '../../scripts/chromium.mjs';

// No sandbox: containers run as root. WebGL comes from SwiftShader, which draws on the processor.
const FLAGS = [
  '--no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update',
  '--disable-sync --use-angle=swiftshader --enable-unsafe-swiftshader --ignore-gpu-blocklist',
].flatMap((line) => line.split(' '));

export const executablePath: string | null = findChromium();

export interface Opened {
  readonly page: Page;
  /** The browser's version. */
  readonly version: string;
  close(): Promise<void>;
}

/** The page of this folder in Chromium, cross-origin isolated: its threads share memory. */
export async function openPage(): Promise<Opened> {
  if (executablePath === null) throw new Error('there is no Chromium: install one, or set CHROME_PATH');
  const server = await createServer({
    root: fileURLToPath(new URL('.', import.meta.url)),
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions: ['@graftjs/source', ...defaultClientConditions] },
    // Found before the page asks for them: it would be loaded anew.
    optimizeDeps: { include: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgl', 'gpu.js'] },
    server: {
      port: 0,
      host: '127.0.0.1',
      watch: null,
      hmr: false,
      fs: { allow: [fileURLToPath(new URL('../..', import.meta.url))] },
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      },
    },
  });
  await server.listen();
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const close = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    page.on('console', (message) => {
      if (message.type() === 'error') process.stderr.write(`page: ${message.text()}\n`);
    });
    page.on('pageerror', (error) => process.stderr.write(`page: ${error.stack ?? error.message}\n`));
    await page.goto(server.resolvedUrls!.local[0]!);
    await page.waitForFunction('window.graft', null, { timeout: 120_000 });
    return { page, version: browser.version(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
