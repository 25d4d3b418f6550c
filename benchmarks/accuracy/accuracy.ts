/**
 * Few-shot accuracy on drawings. Emoji into nine groups: k labelled drawings a class by Google's artists, tested on
 * emoji that were not among them, in Google's style and in the Fluent style (another artist). Per seed, 30 % of the
 * emoji of each class are test; the k come from the others, and what is left of those is validation: the default cut
 * was chosen on it (`--cuts`), never on the test pictures.
 */
import { createWasmBackend } from '@graftjs/backend-wasm';
import {
  evaluate,
  extractFeatures,
  fineTuneRecipe,
  fit,
  globalStatsPool,
  GlobalStatsPool2d,
  headRecipe,
  manualSeed,
  Identity,
  Random,
  scratchRecipe,
  Sequential,
  setDefaultBackend,
  stagesOf,
  Subset,
  transfer,
  type ArraySource,
  type DataSource,
  type Module,
  type Preprocess,
  type Stage,
} from '@graftjs/core';
import { stageRange } from '@graftjs/core/extend';
import { smallCnn } from '@graftjs/models';
import { loadBase } from '@graftjs/models/node';
import { defineCommand, runMain } from 'citty';
import { CLASSES, emojiSource, loadEmoji, type Emoji, type Style } from './emoji.ts';

const STYLES: readonly Style[] = ['google', 'fluent'];
const FINE_TUNE_FROM = 'block8';
const SCRATCH_SIZE = 48;
const SCRATCH_CHANNELS = [8, 16, 32, 64];
/** Earlier stages see too little of the picture to be worth comparing. */
const FIRST_CUT = 6;

/** Sample numbers of one seed's draw. */
interface Draw {
  readonly train: number[];
  readonly validation: number[];
  readonly test: number[];
}

function draw(emoji: readonly Emoji[], k: number, seed: number): Draw {
  const out: Draw = { train: [], validation: [], test: [] };
  CLASSES.forEach((name, label) => {
    const members = emoji.flatMap((e, i) => (e.label === label ? [i] : []));
    const mixed = new Random(seed, `emoji/${name}`).shuffle(members);
    const tested = Math.round(mixed.length * 0.3);
    out.test.push(...mixed.slice(0, tested));
    out.train.push(...mixed.slice(tested, tested + k));
    out.validation.push(...mixed.slice(tested + k));
  });
  return out;
}

type Sources = Record<Style, ArraySource>;
const say = (text: string): void => void process.stderr.write(text);

/** Runs the sources of both styles through some stages, and pools if asked. */
async function through(
  stages: readonly Stage[],
  sources: Record<Style, DataSource>,
  pooled: boolean,
): Promise<Sources> {
  const chain = new Sequential(new Map(stages.map((s) => [s.name, s.module])));
  const out: Partial<Sources> = {};
  for (const style of STYLES) {
    out[style] = await extractFeatures(chain, sources[style], {
      ...(pooled ? { then: (x) => globalStatsPool(x, { layout: 'channels-last' }) } : {}),
      onProgress: (done, total) => say(`\r${stages.at(-1)!.name}, ${style}: ${done} of ${total} `),
    });
    say('\n');
  }
  return out as Sources;
}

type Train = (train: Subset, seed: number) => Promise<Module>;

const headOnly: Train = async (train, seed) => {
  const model = transfer(new Sequential({ features: new Identity() }), {
    classes: CLASSES,
    sampleShape: train.sampleShape,
    seed,
  });
  await fit(model, { train }, { ...headRecipe(), seed });
  return model;
};

function fineTune(cut: string): Train {
  return async (train, seed) => {
    const base = await loadBase('coco-mobilenet-v3');
    const stages = stageRange(base.model, { from: FINE_TUNE_FROM, to: cut });
    const model = transfer(new Sequential(new Map(stages.map((s) => [s.name, s.module]))), {
      classes: CLASSES,
      sampleShape: train.sampleShape,
      layout: 'channels-last',
      seed,
    });
    await fit(model, { train }, { ...headRecipe(), seed });
    model.unlock();
    await fit(model, { train }, { ...fineTuneRecipe(), seed });
    return model;
  };
}

const fromScratch: Train = async (train, seed) => {
  manualSeed(seed);
  const model = smallCnn({ classes: CLASSES.length, channels: SCRATCH_CHANNELS });
  await fit(model, { train }, { ...scratchRecipe(), seed });
  return model;
};

/** Mean and standard deviation over seeds of the balanced accuracy in each style. */
async function measure(
  emoji: readonly Emoji[],
  sources: Sources,
  train: Train,
  k: number,
  seeds: number,
  part: 'test' | 'validation',
): Promise<Record<Style, { mean: number; sd: number }>> {
  const scores: Record<Style, number[]> = { google: [], fluent: [] };
  for (let seed = 1; seed <= seeds; seed++) {
    const d = draw(emoji, k, seed);
    const model = await train(new Subset(sources.google, d.train), seed);
    for (const style of STYLES) {
      scores[style].push((await evaluate(model, new Subset(sources[style], d[part]))).balancedAccuracy);
    }
    model.dispose();
    say('.');
  }
  const summary = (list: number[]): { mean: number; sd: number } => {
    const mean = list.reduce((a, b) => a + b, 0) / list.length;
    const sd = Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(list.length - 1, 1));
    return { mean, sd };
  };
  return { google: summary(scores.google), fluent: summary(scores.fluent) };
}

const show = (r: Record<Style, { mean: number; sd: number }>): string =>
  STYLES.map((s) => `${r[s].mean.toFixed(3)} ± ${r[s].sd.toFixed(3)}`).join(' / ');

const main = defineCommand({
  meta: { name: 'accuracy', description: 'Few-shot accuracy on emoji: head only, fine-tuned, from scratch' },
  args: {
    seeds: { type: 'string', default: '5', description: 'How many draws' },
    size: { type: 'string', default: '96', description: 'Input size in pixels' },
    cuts: { type: 'boolean', description: 'Compare cuts on the validation pictures instead' },
    only: { type: 'string', description: 'head, fine-tune or scratch' },
    json: { type: 'boolean', description: 'Print the results as JSON' },
  },
  async run({ args }) {
    setDefaultBackend(await createWasmBackend());
    const emoji = await loadEmoji();
    const seeds = Number(args.seeds);
    const size = Number(args.size);
    const base = await loadBase('coco-mobilenet-v3');
    const cut = base.defaultCut!;
    const stages = stagesOf(base.model);
    const sourcesAt = (preprocess: Preprocess): Record<Style, DataSource> => ({
      google: emojiSource(emoji, 'google', preprocess),
      fluent: emojiSource(emoji, 'fluent', preprocess),
    });
    const pictures = sourcesAt({ ...base.preprocess, size });
    const results: Record<string, unknown>[] = [];
    const report = async (
      what: string,
      sources: Sources,
      train: Train,
      part: 'test' | 'validation',
    ): Promise<void> => {
      for (const k of [10, 40]) {
        const started = Date.now();
        const r = await measure(emoji, sources, train, k, seeds, part);
        results.push({ what, k, seeds, part, size, ...r });
        const seconds = ((Date.now() - started) / 1000 / seeds).toFixed(1);
        if (!args.json)
          console.log(`\n${what.padEnd(24)} k = ${String(k).padEnd(4)} ${show(r)}   (${seconds} s a run)`);
      }
    };
    if (!args.json)
      console.log(
        `${emoji.length} emoji, ${size}×${size}, balanced accuracy Google / Fluent, mean ± sd of ${seeds} seeds (chance 0.111)`,
      );
    const wanted = (name: string): boolean => !args.only || args.only === name;
    if (args.cuts) {
      // Each stage goes on from the last one's features.
      let sources: Record<Style, DataSource> = pictures;
      for (const stage of stages) {
        sources = await through([stage], sources, false);
        if (stages.indexOf(stage) < FIRST_CUT) continue;
        const pooled = await through(
          [{ name: 'pool', module: new GlobalStatsPool2d({ layout: 'channels-last' }) }],
          sources,
          false,
        );
        await report(`head at ${stage.name}`, pooled, headOnly, 'validation');
      }
    } else {
      const names = stages.map((s) => s.name);
      const middle = names.indexOf(FINE_TUNE_FROM);
      const early = await through(stages.slice(0, middle), pictures, false);
      if (wanted('head')) {
        await report(
          `head only at ${cut}`,
          await through(stages.slice(middle, names.indexOf(cut) + 1), early, true),
          headOnly,
          'test',
        );
      }
      if (wanted('fine-tune'))
        await report(`fine-tuned from ${FINE_TUNE_FROM}`, early, fineTune(cut), 'test');
      if (wanted('scratch')) {
        const small = await through(
          [{ name: 'pixels', module: new Identity() }],
          sourcesAt(scratchPreprocess),
          false,
        );
        await report('small CNN from scratch', small, fromScratch, 'test');
      }
    }
    if (args.json) console.log(JSON.stringify(results));
  },
});

const scratchPreprocess = {
  size: SCRATCH_SIZE,
  fit: 'squash',
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  layout: 'channels-first',
} as const;

await runMain(main);
