import type { Sequential } from '@graftjs/core';
import type { LayerOptions } from './blocks.ts';
import { mobilenetV2, type MobileNetV2Config } from './mobilenet-v2.ts';
import { resnet18, resnet34, type ResNetConfig } from './resnet.ts';
import { smallCnn, type SmallCnnConfig } from './small-cnn.ts';

/** What can be built by name, and from what. */
export interface ArchitectureConfigs {
  mobilenet_v2: MobileNetV2Config;
  resnet18: ResNetConfig;
  resnet34: ResNetConfig;
  small_cnn: SmallCnnConfig;
}
export type ArchitectureName = keyof ArchitectureConfigs;

/** Every network of this package. Adding one is one file and one line here. */
export const architectures: {
  readonly [N in ArchitectureName]: (config: ArchitectureConfigs[N], options?: LayerOptions) => Sequential;
} = {
  mobilenet_v2: mobilenetV2,
  resnet18,
  resnet34,
  small_cnn: smallCnn,
};
