import type { OnnxNode } from '@graftjs/onnx-graph';
import { ownerOf } from '../graph/names.ts';

/**
 * A name from a file as a dotted path: '/layer1/layer1.0/conv1/Conv' of PyTorch is 'layer1.0.conv1.Conv' (a part that
 * begins with the one before it takes its place), 'resnet/block1/Relu:0' of TensorFlow 'resnet.block1.Relu'.
 */
export function dottedPath(name: string): string {
  const parts: string[] = [];
  for (const part of name.replace(/:\d+$/, '').split(/[/:]+/)) {
    const clean = part.replace(/[^\w.-]+/g, '_').replace(/^\.+|\.+$/g, '');
    if (!clean) continue;
    if (parts.length && clean.startsWith(`${parts.at(-1)!}.`)) parts.pop();
    parts.push(clean);
  }
  return parts.join('.');
}

/**
 * A dotted name for a node: of the layer that its weights name; else its own without the operation at the end
 * ('/layer1/layer1.0/conv1/Conv' → 'layer1.0.conv1') if it holds weights; else its own, or that of its first output.
 */
export function nodeName(node: OnnxNode, weights: readonly string[]): string {
  for (const w of weights) {
    const owner = ownerOf(w);
    if (owner) return owner;
  }
  const own = dottedPath(node.name) || dottedPath(node.outputs.find(Boolean) ?? '') || node.opType;
  const parts = own.split('.');
  const isOperation = parts.at(-1)!.replace(/_\d+$/, '') === node.opType;
  return weights.length && isOperation && parts.length > 1 ? parts.slice(0, -1).join('.') : own;
}
