/** Prints what `decodeImage` in Node makes of the variants of all fixtures: bytes, or what it says. */
import { decodeImage } from '@graftjs/vision/node';
import { readFile } from 'node:fs/promises';
import { FORMS, variants } from './variants.ts';

const out: Record<string, (string | number[])[]> = {};
for (const name of FORMS) {
  const whole = await readFile(new URL(`./fixtures/${name}`, import.meta.url));
  out[name] = [];
  for (const bytes of variants(whole))
    out[name].push(
      await decodeImage(bytes, { name }).then(
        (picture) => [...picture.data],
        (error: Error) => error.message,
      ),
    );
}
console.log(JSON.stringify(out));
