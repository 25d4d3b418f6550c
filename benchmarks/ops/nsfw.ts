import { MobileNetV2MidModel } from 'nsfwjs/models/mobilenet_v2_mid';

interface GraphModelJson {
  readonly modelTopology: object;
  readonly format: string;
  readonly weightsManifest: readonly { readonly weights: object[] }[];
}

/** The MobileNetV2 (width 1.4, 224×224, 8-bit weights) that the npm package `nsfwjs` carries: `model.json` and its shards. */
export async function readNsfwModel(): Promise<{ model: GraphModelJson; weights: Uint8Array }> {
  const { default: model } = (await MobileNetV2MidModel.modelJson()) as { default: GraphModelJson };
  const shards = await Promise.all(
    MobileNetV2MidModel.weightBundles.map(async (load) => {
      const { default: base64 } = (await load()) as { default: string };
      return atob(base64);
    }),
  );
  return { model, weights: Uint8Array.from(shards.join(''), (c) => c.charCodeAt(0)) };
}
