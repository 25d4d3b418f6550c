import * as files from './networks/index.ts';
import { Network } from './networks/network.ts';

/**
 * What is known of every network of this package, by its name: `networks.get('resnet18')`.
 * @example
 * for (const { name, weights } of networks.values()) console.log(name, weights?.address);
 */
export const networks: ReadonlyMap<string, Network> = new Map(
  Object.values<unknown>(files).flatMap((v) => (v instanceof Network ? [[v.name, v as Network]] : [])),
);
