import * as nn from '@graftjs/core';
import { Module, Sequential, type Backend, type Initializer } from '@graftjs/core';
import { FormatError, GraphModule, graphFromJSON, graphToJSON, type Json } from '@graftjs/formats';
import { BasicBlock, ConvNormActivation, InvertedResidual } from './blocks.ts';
import type { ModelDescription } from './describe.ts';

type Options = Readonly<Record<string, Json>>;

/** What building takes besides the description. */
export interface BuildContext {
  /** Handed to every layer: backend and initializers. */
  readonly layer: {
    readonly backend?: Backend;
    readonly init?: Initializer;
    readonly biasInit?: Initializer;
  };
  /** A child's module. */
  readonly child: (description: Json | undefined) => Module;
  /** Checks a number of channels or features before anything of that size is made. */
  readonly count: (value: Json | undefined) => number;
  /** The same, and counts it as that many weights. */
  readonly hold: (value: Json | undefined) => number;
}

/** How one class of modules is put in words, and made again from them. */
interface Kind {
  readonly type: abstract new (...args: never[]) => Module;
  readonly describe: (m: never, child: (m: Module) => ModelDescription) => Options;
  readonly build: (o: Options, context: BuildContext) => Module;
}
/** Typed at the definition, where it matters. */
function kind<M extends Module>(
  type: abstract new (...args: never[]) => M,
  describe: (m: M, child: (m: Module) => ModelDescription) => object,
  build: (o: Options, context: BuildContext) => M,
): Kind {
  return { type, describe: describe as Kind['describe'], build };
}

/** Options that came from a file; the constructors check what they mean. */
const as = <T>(value: unknown): T => value as T;
const layoutOf = ({ layout }: { readonly layout: nn.Layout }): object =>
  layout === 'channels-first' ? {} : { layout };

/** Checked here, because the layers look at it only when they run. */
function paddingOf(value: Json | undefined): nn.Padding {
  const known = typeof value === 'number' || value === 'same' || value === 'valid' || Array.isArray(value);
  if (!known) throw new FormatError(`${JSON.stringify(value)} is not a padding`);
  return as(value);
}

type ConvLike = nn.Conv1d | nn.ConvTranspose1d;
type ConvType = new (i: number, o: number, k: nn.PerAxis, options: nn.ConvTransposeModuleOptions) => ConvLike;
const conv = (type: ConvType): Kind =>
  kind(
    type,
    (m) => {
      const { kernel, stride, padding, dilation } = m.window;
      const { inChannels, outChannels, groups } = m;
      const extra =
        m instanceof nn.ConvTranspose1d || 'outputPadding' in m
          ? { outputPadding: as<nn.ConvTranspose1d>(m).outputPadding }
          : {};
      return {
        inChannels,
        outChannels,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        bias: m.bias !== null,
        ...extra,
        ...layoutOf(m),
      };
    },
    ({ inChannels, outChannels, kernel, padding = 0, ...o }, c) =>
      new type(c.count(inChannels), c.count(outChannels), as(kernel), {
        ...o,
        padding: paddingOf(padding),
        ...c.layer,
      }),
  );

const batchNorm = (type: typeof nn.BatchNorm1d | typeof nn.BatchNorm2d | typeof nn.BatchNorm3d): Kind =>
  kind(
    type,
    (m) => ({
      channels: m.channels,
      eps: m.eps,
      momentum: m.momentum,
      affine: m.weight !== null,
      ...layoutOf(m),
    }),
    ({ channels, ...o }, c) => new type(c.hold(channels), { ...o, ...c.layer }),
  );

type PoolType = new (kernel: nn.PerAxis, options: nn.AvgPoolOptions) => nn.MaxPool1d | nn.AvgPool1d;
const pool = (type: PoolType): Kind =>
  kind(
    type,
    (m) => {
      const { kernel, stride, padding, dilation } = m.window;
      const count = 'countIncludePad' in m ? { countIncludePad: m.countIncludePad } : {};
      return { kernel, stride, padding, dilation, ceilMode: m.ceilMode, ...count, ...layoutOf(m) };
    },
    ({ kernel, padding = 0, ...o }) => new type(as(kernel), { ...o, padding: paddingOf(padding) }),
  );
const adaptive = (type: new (output: nn.PerAxis, options: nn.LayoutOption) => nn.AdaptiveAvgPool1d): Kind =>
  kind(
    type,
    (m) => ({ output: m.output, ...layoutOf(m) }),
    ({ output, ...o }) => new type(as(output), o),
  );
const globalPool = (type: new (options: nn.GlobalPoolOptions) => nn.GlobalAvgPool1d): Kind =>
  kind(
    type,
    (m) => ({ keepDims: m.keepDims, ...layoutOf(m) }),
    (o) => new type(o),
  );

/** A module without any option. */
const plain = (type: new () => Module): Kind =>
  kind(
    type,
    () => ({}),
    () => new type(),
  );
/** One whose only argument is the property `key`. */
const single = (type: new (value: never) => Module, key: string): Kind =>
  kind(
    type,
    (m) => ({ [key]: as<Record<string, Json>>(m)[key]! }),
    (o) => new type(o[key] as never),
  );

const children = (list: Json | undefined): [string, Json][] => {
  const isPair = (p: Json): boolean => Array.isArray(p) && p.length === 2 && typeof p[0] === 'string';
  if (!Array.isArray(list) || !list.every(isPair))
    throw new FormatError('the children of a Sequential are pairs of a name and a description');
  return as(list);
};

/** Every module that can be saved. Total for core's layers: a test walks core's exports. */
export const kinds: Readonly<Record<string, Kind>> = {
  Sequential: kind(
    Sequential,
    (m, child) => ({ children: [...m.members()].map(([name, part]) => [name, child(part as Module)]) }),
    (o, c) => new Sequential(new Map(children(o['children']).map(([name, d]) => [name, c.child(d)]))),
  ),
  GraphModule: kind(
    GraphModule,
    (m) => ({ graph: graphToJSON(m.graph) }),
    (o, c) => {
      const graph = graphFromJSON(o['graph']);
      for (const { shape } of Object.values(graph.tensors)) c.hold(nn.sizeOf(shape));
      return new GraphModule(graph, undefined, c.layer);
    },
  ),
  Residual: kind(
    nn.Residual,
    (m, child) => ({
      body: child(m.body),
      ...(m.shortcut && { shortcut: child(m.shortcut) }),
      ...(m.activation && { activation: child(m.activation) }),
    }),
    (o, c) =>
      new nn.Residual(c.child(o['body']), {
        ...(o['shortcut'] !== undefined && { shortcut: c.child(o['shortcut']) }),
        ...(o['activation'] !== undefined && { activation: c.child(o['activation']) }),
      }),
  ),
  SqueezeExcite: kind(
    nn.SqueezeExcite,
    (m, child) => ({
      channels: m.channels,
      squeezed: m.squeezed,
      activation: child(m.activation),
      gate: child(m.gate),
      ...layoutOf(m),
    }),
    ({ channels, squeezed, activation, gate, ...o }, c) =>
      new nn.SqueezeExcite(c.count(channels), c.count(squeezed), {
        ...o,
        ...c.layer,
        activation: c.child(activation),
        gate: c.child(gate),
      }),
  ),
  ConvNormActivation: kind(
    ConvNormActivation,
    (m) => m.config,
    (o, c) => new ConvNormActivation(sized(o, c), c.layer),
  ),
  InvertedResidual: kind(
    InvertedResidual,
    (m) => m.config,
    (o, c) => new InvertedResidual(sized(o, c), c.layer),
  ),
  BasicBlock: kind(
    BasicBlock,
    (m) => m.config,
    (o, c) => new BasicBlock(sized(o, c), c.layer),
  ),

  Conv1d: conv(nn.Conv1d),
  Conv2d: conv(nn.Conv2d),
  Conv3d: conv(nn.Conv3d),
  ConvTranspose1d: conv(nn.ConvTranspose1d),
  ConvTranspose2d: conv(nn.ConvTranspose2d),
  ConvTranspose3d: conv(nn.ConvTranspose3d),
  Linear: kind(
    nn.Linear,
    (m) => ({ inFeatures: m.inFeatures, outFeatures: m.outFeatures, bias: m.bias !== null }),
    ({ inFeatures, outFeatures, ...o }, c) =>
      new nn.Linear(c.count(inFeatures), c.count(outFeatures), { ...o, ...c.layer }),
  ),
  BatchNorm1d: batchNorm(nn.BatchNorm1d),
  BatchNorm2d: batchNorm(nn.BatchNorm2d),
  BatchNorm3d: batchNorm(nn.BatchNorm3d),
  LayerNorm: kind(
    nn.LayerNorm,
    (m) => ({ shape: m.shape, eps: m.eps, affine: m.weight !== null }),
    ({ shape, ...o }, c) => {
      c.hold(nn.sizeOf(as(shape)));
      return new nn.LayerNorm(as<number[]>(shape), { ...o, ...c.layer });
    },
  ),
  GroupNorm: kind(
    nn.GroupNorm,
    (m) => ({
      groups: m.groups,
      channels: m.channels,
      eps: m.eps,
      affine: m.weight !== null,
      ...layoutOf(m),
    }),
    ({ groups, channels, ...o }, c) =>
      new nn.GroupNorm(c.count(groups), c.hold(channels), { ...o, ...c.layer }),
  ),
  InstanceNorm: kind(
    nn.InstanceNorm,
    (m) => ({ channels: m.channels, eps: m.eps, affine: m.weight !== null, ...layoutOf(m) }),
    ({ channels, ...o }, c) => new nn.InstanceNorm(c.count(channels), { ...o, ...c.layer }),
  ),
  Dropout: kind(
    nn.Dropout,
    (m) => ({ p: m.p, per: m.per, ...layoutOf(m) }),
    ({ p, ...o }) => new nn.Dropout(as(p), o),
  ),
  Flatten: single(nn.Flatten, 'from'),
  Identity: plain(nn.Identity),
  Upsample: kind(
    nn.Upsample,
    (m) => m.options,
    (o) => new nn.Upsample(o),
  ),
  MaxPool1d: pool(nn.MaxPool1d),
  MaxPool2d: pool(nn.MaxPool2d),
  MaxPool3d: pool(nn.MaxPool3d),
  AvgPool1d: pool(nn.AvgPool1d),
  AvgPool2d: pool(nn.AvgPool2d),
  AvgPool3d: pool(nn.AvgPool3d),
  AdaptiveAvgPool1d: adaptive(nn.AdaptiveAvgPool1d),
  AdaptiveAvgPool2d: adaptive(nn.AdaptiveAvgPool2d),
  AdaptiveAvgPool3d: adaptive(nn.AdaptiveAvgPool3d),
  AdaptiveMaxPool1d: adaptive(nn.AdaptiveMaxPool1d),
  AdaptiveMaxPool2d: adaptive(nn.AdaptiveMaxPool2d),
  AdaptiveMaxPool3d: adaptive(nn.AdaptiveMaxPool3d),
  GlobalAvgPool1d: globalPool(nn.GlobalAvgPool1d),
  GlobalAvgPool2d: globalPool(nn.GlobalAvgPool2d),
  GlobalAvgPool3d: globalPool(nn.GlobalAvgPool3d),
  GlobalMaxPool1d: globalPool(nn.GlobalMaxPool1d),
  GlobalMaxPool2d: globalPool(nn.GlobalMaxPool2d),
  GlobalMaxPool3d: globalPool(nn.GlobalMaxPool3d),
  GlobalStatsPool1d: globalPool(nn.GlobalStatsPool1d),
  GlobalStatsPool2d: globalPool(nn.GlobalStatsPool2d),
  GlobalStatsPool3d: globalPool(nn.GlobalStatsPool3d),

  ReLU: plain(nn.ReLU),
  ReLU6: plain(nn.ReLU6),
  SiLU: plain(nn.SiLU),
  Hardswish: plain(nn.Hardswish),
  Hardsigmoid: plain(nn.Hardsigmoid),
  Sigmoid: plain(nn.Sigmoid),
  Tanh: plain(nn.Tanh),
  Mish: plain(nn.Mish),
  LeakyReLU: single(nn.LeakyReLU, 'slope'),
  ELU: single(nn.ELU, 'alpha'),
  Softplus: single(nn.Softplus, 'beta'),
  Softmax: single(nn.Softmax, 'axis'),
  LogSoftmax: single(nn.LogSoftmax, 'axis'),
  GELU: single(nn.GELU, 'options'),
  Hardtanh: kind(
    nn.Hardtanh,
    ({ low, high }) => ({ low, high }),
    (o) => new nn.Hardtanh(as(o['low']), as(o['high'])),
  ),
  PReLU: kind(
    nn.PReLU,
    (m) => ({ channels: m.weight.value.size, ...layoutOf(m) }),
    ({ channels, ...o }, c) => new nn.PReLU(c.hold(channels), { ...o, ...c.layer }),
  ),
};

/** Checks the channel numbers of a block's config. */
function sized<T>(o: Options, c: BuildContext): T {
  for (const [key, value] of Object.entries(o)) if (/channels$/i.test(key)) c.count(value);
  return as<T>(o);
}
