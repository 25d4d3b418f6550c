import type { LayerOptions, Preprocess, Sequential } from '@graftjs/core';
import type { LayerClass } from '@graftjs/core/extend';

/** Weights that somebody has trained and gives away. */
export interface PublishedWeights {
  /** A URL, or what this package exports. */
  readonly address: string;
  readonly format: 'safetensors' | 'PyTorch';
  readonly licence: string;
  /** Of the file, in 2²⁰ bytes. */
  readonly mebibytes: number;
  /** In hex, or the start of it, as `download` takes it. */
  readonly sha256: string;
  /** Where they came from. */
  readonly source: string;
}

/** All that there is to know about a network, `Config` aside. */
export interface NetworkRecord<Config = never> {
  /** As in torchvision. */
  readonly name: string;
  /** A new one. Without: the file of its weights holds the network, too. */
  readonly build?: (config: Config, options?: LayerOptions) => Sequential;
  /** Layers of its own, by the names that model files have for them. */
  readonly blocks?: Readonly<Record<string, LayerClass>>;
  /** How its weights want their pictures, at the size that they were trained with; other sizes work, too. */
  readonly preprocess: Preprocess;
  /** The stage whose output makes the best features for other tasks: `transfer` cuts after it. */
  readonly defaultCut?: string;
  /** Layers by their names: the first convolution, and the last layer, with an output for each class. */
  readonly firstConv?: string;
  readonly classifier?: string;
  readonly weights?: PublishedWeights;
}

/**
 * The blocks of networks, by their names in model files. A network's are here from when its file is loaded: whoever holds such
 * a block has loaded it, and `loadModel` loads all networks when it meets a name that it does not know.
 */
export const blocks: Map<string, LayerClass> = new Map();

/** The record of a network, which stands in the file that builds it. */
export class Network<Config = never> {
  readonly name: string;
  readonly build: ((config: Config, options?: LayerOptions) => Sequential) | undefined;
  readonly preprocess: Preprocess;
  readonly defaultCut: string | undefined;
  readonly firstConv: string | undefined;
  readonly classifier: string | undefined;
  readonly weights: PublishedWeights | undefined;
  constructor(record: NetworkRecord<Config>) {
    this.name = record.name;
    this.build = record.build;
    this.preprocess = record.preprocess;
    this.defaultCut = record.defaultCut;
    this.firstConv = record.firstConv;
    this.classifier = record.classifier;
    this.weights = record.weights;
    for (const [kind, type] of Object.entries(record.blocks ?? {})) blocks.set(kind, type);
  }

  /** The part of it that a file with other classes has not, or has in another form: 'classifier' of 'classifier.1'. */
  get head(): string {
    return this.classifier!.split('.')[0]!;
  }

  /** Has weights been published, which the caller brings in a file? */
  get takesWeights(): boolean {
    return this.build !== undefined && this.weights !== undefined;
  }
}
