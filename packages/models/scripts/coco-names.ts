/** What the parts of a node's name become, in the order in which they are tried. */
const RENAMES: readonly (readonly [RegExp, string])[] = [
  [/^tower_0\.(MobilenetV3\.)?/, ''],
  [/^expanded_conv_(\d+)\./, 'block$1.'],
  [/^expanded_conv\./, 'block0.'],
  [/^Conv\./, 'stem.'],
  [/^extern1\./, 'top.'],
  [/^(stem|top)\.BatchNorm\.FusedBatchNorm$/, '$1.conv'],
  [/\.hard_swish\.mul_1$/, '.hardswish'],
  [/\.squeeze_excite\.Mean$/, '.se.mean'],
  [/\.squeeze_excite\.Conv\.Relu/, '.se.reduce'],
  [/\.squeeze_excite\.Conv_1\.BiasAdd$/, '.se.expand'],
  [/\.squeeze_excite\.Conv_1\.mul$/, '.se.gate'],
  [/\.squeeze_excite\.mul$/, '.se.scale'],
  [/\.BatchNorm\.FusedBatchNorm$/, ''],
  [/\.expand\.Relu/, '.expand'],
  [/\.depthwise\.depthwise/, '.depthwise'],
];

/**
 * A name in the detector's graph → stage and part: 'tower_0.MobilenetV3.expanded_conv_3.expand.Relu' → 'block3.expand'.
 * Blocks are numbered as there, from 0.
 */
export function cocoMobilenetName(name: string): string {
  return RENAMES.reduce((n, [pattern, to]) => n.replace(pattern, to), name);
}
