import { open } from '@graftjs/core/extend';
import { isComposite, type CompositeNode, type GraphNode } from '@graftjs/core/backend';
import { composites } from './composites.ts';

/**
 * What a network does, at the level at which files describe it: composites whole where ONNX has a word for them. A
 * convolution that has taken the batch norm behind it into its pass becomes a `convBatchNorm`, with the norm's statistics in
 * the place of scale and shift: files say Conv and BatchNormalization, and runtimes join them again.
 */
export function layersOf(nodes: readonly GraphNode[], results: readonly number[]): GraphNode[] {
  const takes = ({ composite }: CompositeNode): boolean => Object.hasOwn(composites, composite);
  const whole = open(nodes, results, (node) => node.composite === 'storedAffine' || takes(node));
  const norms = new Map(
    whole.flatMap((node): [number, CompositeNode][] =>
      isComposite(node) && node.composite === 'storedAffine' ? [[node.outputs[0]!, node]] : [],
    ),
  );
  const layers = whole.map((node): GraphNode => {
    if (!isComposite(node) || node.composite !== 'convAffine') return node;
    const [x, w, scale, shift] = node.inputs;
    const norm = norms.get(scale ?? -1);
    if (!norm || norm.outputs[1] !== shift) return node;
    const inputs = [x!, w!, ...norm.inputs];
    return { ...node, composite: 'convBatchNorm', inputs, attrs: { ...norm.attrs, ...node.attrs } };
  });
  return open(layers, results, takes);
}
