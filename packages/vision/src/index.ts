export {
  augmentations,
  augmentPicture,
  detailSize,
  erase,
  parseAugmentation,
  type Augmentation,
} from './augment.ts';
export { adjustColour, grayscale, type ColourChange } from './colour.ts';
export { DatasetError, ImageError } from './errors.ts';
export { drawHeat, type HeatMap } from './heat.ts';
export { createPicture, crop, flip, fromRgba, toRgba, type Picture } from './picture.ts';
export { predict, type Classifier, type PredictOptions, type Prediction } from './predict.ts';
export { fitPicture, inputWriter, toInput } from './preprocess.ts';
export { resize, type CropBox } from './resize.ts';
export { PictureSource, type PictureEntry, type PictureSourceOptions } from './source.ts';
export { stratifiedSplit, type Split, type SplitFractions } from './split.ts';
export { warp, type Warp } from './warp.ts';
