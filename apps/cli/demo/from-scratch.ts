// The yardstick of the demo: a small network from random weights, on the same pictures. Prints its balanced accuracy.
import { evaluate, fit, scratchRecipe } from '@graftjs/core';
import { smallCnn } from '@graftjs/models';
import { imageFolder } from '@graftjs/vision/node';
import { DEFAULT_BACKEND, openBackend } from '../src/backends.ts';

// Small, so that it is done before the other one.
const SIZE = 32;
const CHANNELS = [12, 24, 48];
const EPOCHS = 20;

const [folder, seedText] = process.argv.slice(2);
const seed = Number(seedText);
const half = [0.5, 0.5, 0.5] as const;

await openBackend(DEFAULT_BACKEND);
const preprocess = { size: SIZE, fit: 'squash', mean: half, std: half, layout: 'channels-last' } as const;
const { train, test, classes } = await imageFolder(folder!, { preprocess, split: {}, seed });
const model = smallCnn({ classes: classes.length, channels: CHANNELS, layout: 'channels-last' });
await fit(model, { train }, { ...scratchRecipe(EPOCHS), seed, cache: null });
const { balancedAccuracy } = await evaluate(model, test!);
process.stdout.write(`${JSON.stringify({ balancedAccuracy })}\n`);
