import { describe, expect, it } from 'vitest';
import { n } from '../../test/onnx-model.ts';
import { isGivenName, ownerOf } from '../graph/names.ts';
import { dottedPath, nodeName } from './names.ts';

describe('names from files', () => {
  it.each([
    ['/layer1/layer1.0/conv1/Conv', 'layer1.0.conv1.Conv'],
    ['/features/features.18/features.18.2/Clip', 'features.18.2.Clip'],
    ['resnet50/conv1_conv/Conv2D:0', 'resnet50.conv1_conv.Conv2D'],
    ['StatefulPartitionedCall/model/re lu/Relu', 'StatefulPartitionedCall.model.re_lu.Relu'],
    ['onnx::Conv_193', 'onnx.Conv_193'],
    ['', ''],
    ['/../..', ''],
  ])('%j is the path %j', (name, path) => expect(dottedPath(name)).toBe(path));

  it('that somebody gave are kept', () => {
    for (const name of ['layer1.0.conv1.weight', 'resnetv15_conv0_weight', 'conv1_w_0', 'W', 'fc.bias'])
      expect(isGivenName(name), name).toBe(true);
    for (const name of [
      '193',
      'onnx::Conv_193',
      'const_fold_opt__12',
      'a/b/weight',
      '.weight',
      '',
      'tmp_var__3',
    ])
      expect(isGivenName(name), name).toBe(false);
  });

  it('tell the layer of a tensor', () => {
    expect(ownerOf('layer1.0.bn1.running_mean')).toBe('layer1.0.bn1');
    expect(ownerOf('onnx::Conv_1.weight')).toBeUndefined();
    expect(ownerOf('weight')).toBeUndefined();
  });

  it('of nodes come from their weights, else from themselves, else from what they give', () => {
    const node = n('Conv', ['x', 'w'], ['out'], {}, '/conv1/Conv');
    expect(nodeName(node, ['layer1.conv.weight'])).toBe('layer1.conv');
    expect(nodeName(node, ['onnx::Conv_3'])).toBe('conv1');
    expect(nodeName(node, [])).toBe('conv1.Conv');
    expect(nodeName({ ...node, name: '' }, [])).toBe('out');
    expect(nodeName({ ...node, name: 'Conv_0' }, ['onnx::Conv_3'])).toBe('Conv_0');
  });
});
