import type { Translation } from './lower.ts';
import { attrInt, attrInts, Unsupported } from './node.ts';
import { windowAttrs } from './ops-conv.ts';

const pool =
  (op: 'maxPool' | 'avgPool'): Translation =>
  (node, to) => {
    const kernel = attrInts(node, 'kernel_shape');
    if (!kernel || kernel.length < 1 || kernel.length > 3 || !kernel.every((k) => k >= 1 && k <= 2 ** 16))
      throw new Unsupported(`kernel_shape [${(kernel ?? []).join(', ')}]`);
    if (attrInt(node, 'storage_order', 0) !== 0) throw new Unsupported('storage_order 1');
    const attrs = {
      ...windowAttrs(node, kernel.length),
      kernel: [...kernel],
      ceilMode: attrInt(node, 'ceil_mode', 0) !== 0,
      layout: 'channels-first',
    };
    const count = op === 'avgPool' ? { countIncludePad: attrInt(node, 'count_include_pad', 0) !== 0 } : {};
    to.give(op, [to.input(0)], { ...attrs, ...count });
  };

const global =
  (op: string): Translation =>
  (_, to) =>
    to.give(op, [to.input(0)], { layout: 'channels-first' });

export const pools: Readonly<Record<string, Translation>> = {
  MaxPool: pool('maxPool'),
  AveragePool: pool('avgPool'),
  GlobalAveragePool: global('globalAvgPool'),
  GlobalMaxPool: global('globalMaxPool'),
};
