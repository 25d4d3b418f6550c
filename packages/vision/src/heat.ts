import { GraftError } from '@graftjs/core';
import { createPicture, toByte, type Picture } from './picture.ts';

/** What a map says of the places of a picture: `rows × columns` values, row by row, evenly spread over it. */
export interface HeatMap {
  readonly rows: number;
  readonly columns: number;
  readonly values: ArrayLike<number>;
}

/** From nothing to the most: the colours of a fire, which get lighter as they get warmer, whatever eye looks at them. */
const FIRE: readonly (readonly [number, number, number])[] = [
  [40, 10, 90],
  [170, 30, 90],
  [240, 100, 30],
  [255, 225, 90],
];
/** How much of the fire lies over the picture where the map has its maximum. */
const MOST = 0.7;

/**
 * A picture with a map over it, such as that of core's `gradCam`: in grey where the map says nothing, glowing where it
 * says the most. The map is scaled by its maximum and enlarged bilinearly, as in the paper (Selvaraju et al., 2017,
 * arXiv:1610.02391).
 * @param picture what the map is about: of `toInput`'s pictures `fitPicture(picture, preprocess)`, in any size.
 * @throws GraftError where there are not rows × columns values
 */
export function drawHeat(picture: Picture, map: HeatMap): Picture {
  const { rows, columns, values } = map;
  if (rows < 1 || columns < 1 || values.length !== rows * columns)
    throw new GraftError(`a heat map of ${rows} × ${columns} does not have ${values.length} values`);
  const { width, height, data } = picture;
  const most = Array.from(values).reduce((m, v) => Math.max(m, v), 0);
  const out = createPicture(width, height);
  const across = steps(columns, width);
  const down = steps(rows, height);
  for (let y = 0, p = 0; y < height; y++) {
    const [top, bottom, t] = down[y]!;
    for (let x = 0; x < width; x++, p += 3) {
      const [left, right, s] = across[x]!;
      const at = (row: number, column: number): number => values[row * columns + column]!;
      const above = at(top, left) * (1 - s) + at(top, right) * s;
      const below = at(bottom, left) * (1 - s) + at(bottom, right) * s;
      paint(data, out.data, p, most > 0 ? (above * (1 - t) + below * t) / most : 0);
    }
  }
  return out;
}

/** Of each of `to` pixels the two of `from` cells whose centres it lies between, and how far it is from the first. */
function steps(from: number, to: number): [number, number, number][] {
  return Array.from({ length: to }, (_, i) => {
    const centre = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(centre);
    return [low, Math.min(low + 1, from - 1), centre - low];
  });
}

/** The pixel at `p`: `heat` from 0 to 1 of the fire over the picture, whose own colours come with the heat. */
function paint(from: Uint8Array, to: Uint8Array, p: number, heat: number): void {
  const grey = 0.299 * from[p]! + 0.587 * from[p + 1]! + 0.114 * from[p + 2]!;
  const place = heat * (FIRE.length - 1);
  const low = Math.min(Math.floor(place), FIRE.length - 2);
  for (let c = 0; c < 3; c++) {
    const fire = FIRE[low]![c]! + (FIRE[low + 1]![c]! - FIRE[low]![c]!) * (place - low);
    const own = grey + (from[p + c]! - grey) * heat;
    to[p + c] = toByte(own + (fire - own) * MOST * heat);
  }
}
