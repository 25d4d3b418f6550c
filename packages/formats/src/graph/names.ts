import type { OnnxNode } from '@graftjs/onnx-graph';

/** Last parts of names that say what a tensor is to its layer. */
const ROLES = /\.(weight|bias|gamma|beta|running_mean|running_var|moving_mean|moving_variance)$/;

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
 * Is it a name that somebody gave, such as 'layer1.0.conv1.weight', 'conv0_weight' or 'W', and not one that a tool made,
 * such as '193', 'onnx::Conv_193' or 'const_fold_opt__12'?
 */
export function isGivenName(name: string): boolean {
  if (!/^[A-Za-z_][\w-]*(\.[\w-]+)*$/.test(name)) return false;
  const says = /weight|bias|gamma|beta|kernel|mean|var|scale|slope|(^|_)[wbs]\d*(_\d+)?$/i;
  return name.includes('.') || (says.test(name) && !/__\d+$/.test(name));
}

/** The layer that a tensor belongs to: 'layer1.0.conv1.weight' → 'layer1.0.conv1'; undefined if the name does not say. */
export function ownerOf(tensorName: string): string | undefined {
  return isGivenName(tensorName) && ROLES.test(tensorName) ? tensorName.replace(ROLES, '') : undefined;
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
