import { flag } from '../args.ts';
import { duration, list, percent, plural } from '../format.ts';
import { oneLine, painter } from '../io.ts';
import { pairs } from '../table.ts';
import { TRAIN_ARGS, trainOptions } from '../train-options.ts';
import type { TrainResult } from '../train-report.ts';
import { trainFolder } from '../training.ts';
import type { Command } from './command.ts';

function summary(r: TrainResult, bold: (text: string) => string): string {
  const { scores } = r;
  const measured: [string, string][] = scores
    ? [
        [
          'accuracy',
          `${percent(scores.accuracy)} of ${plural(scores.count, `${r.heldBack} picture`)} (95 % interval ${percent(scores.interval[0])} to ${percent(scores.interval[1])})`,
        ],
        [
          'balanced accuracy',
          `${percent(scores.balancedAccuracy)} (guessing: ${percent(1 / r.classes.length)})`,
        ],
      ]
    : [['accuracy', 'not measured: no pictures were held back']];
  const best = r.bestEpoch === null ? '' : `, the best was epoch ${r.bestEpoch + 1}`;
  return pairs([
    ['classes', `${r.classes.length}: ${list(r.classes.map(oneLine))}`],
    [
      'pictures',
      `${plural(r.train, 'picture')} trained on, ${r.validation} held back${r.skipped ? `, ${r.skipped} left out` : ''}`,
    ],
    ...measured.map(([k, v]): [string, string] => [k, bold(v)]),
    [
      'training',
      `${plural(r.epochs, 'epoch')}${best}; ${duration(r.seconds)} on ${r.backend}, ${plural(r.threads, 'thread')}`,
    ],
    ['model', `${oneLine(r.model)} (SHA-256 ${r.sha256.slice(0, 16)}…)`],
    ...(r.report === null ? [] : [['report', oneLine(r.report)] as [string, string]]),
  ]);
}

export const train: Command = {
  summary: 'Train a classifier on a folder of pictures',
  args: TRAIN_ARGS,
  examples: [
    'graft train photos --out model.safetensors',
    'graft train photos --out model.safetensors --augment light --unlock-from block9',
    'graft train photos --out model.safetensors --resume',
  ],
  async run(values, io) {
    const result = await trainFolder(trainOptions(values, io), io);
    if (flag(values, 'json')) {
      const { scores, bestEpoch, heldBack, ...plain } = result;
      const measured = scores && {
        accuracy: scores.accuracy,
        balancedAccuracy: scores.balancedAccuracy,
        measuredOn: heldBack,
      };
      io.stdout.write(`${JSON.stringify({ ...plain, ...measured, bestEpoch })}\n`);
      return;
    }
    const paint = painter(io.stdout, io.env);
    io.stdout.write(`${summary(result, (text) => paint('bold', text))}\n`);
  },
};
