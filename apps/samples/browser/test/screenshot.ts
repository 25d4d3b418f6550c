/**
 * Makes the picture of the page in the README, from drawings of npm `@lobehub/fluent-emoji-3d` (MIT):
 *
 *   pnpm --filter @graftjs/sample-browser run screenshot
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dropFiles, launch, openPage, serveSample, settled } from './sample.ts';

const drawings = join(
  dirname(fileURLToPath(import.meta.resolve('@lobehub/fluent-emoji-3d/package.json'))),
  'assets',
);
const target = fileURLToPath(new URL('../../../../docs/images/sample.png', import.meta.url));

const CLASSES = {
  animals: '1f436 1f431 1f42d 1f439 1f430 1f43b 1f43c 1f428 1f42f 1f981 1f42e 1f98a',
  food: '1f34e 1f34c 1f347 1f353 1f355 1f354 1f35f 1f32e 1f369 1f36a 1f382 1f370',
};
const filesOf = (codes: string): string[] => codes.split(' ').map((code) => join(drawings, `${code}.webp`));

const sample = await serveSample();
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1120, height: 700 }, colorScheme: 'light' });
await openPage(page, sample.url);
for (const [i, [name, codes]] of Object.entries(CLASSES).entries()) {
  await page.getByLabel('Name of the class').nth(i).fill(name);
  await dropFiles(page, 'Drop pictures here', filesOf(codes), i);
}
await page.getByRole('button', { name: 'Train' }).click();
await settled(page);
await dropFiles(page, 'Drop a picture to try', filesOf('1f437'));
await page.evaluate(() => (document.activeElement as HTMLElement).blur());
await page.screenshot({ path: target, fullPage: true });
console.log(target, await page.locator('#scores').innerText());
await browser.close();
await sample.close();
