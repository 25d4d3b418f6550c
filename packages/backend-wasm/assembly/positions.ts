/** Positions of a grid, row-major, sample by sample: where each reads and where its result goes, in elements. */
@unmanaged
export class Grid {
  depth: i32;
  height: i32;
  width: i32;
  sourceZ: i32;
  sourceY: i32;
  sourceX: i32;
  sourceBatch: i32;
  resultStart: i32;
  resultZ: i32;
  resultY: i32;
  resultX: i32;
  resultBatch: i32;
}

/** Offsets of m positions from `first` on; both tables are filled up to a multiple of eight. */
export function locate(g: Grid, first: i32, m: i32, sources: usize, results: usize): void {
  let x = first % g.width;
  let rest = first / g.width;
  let y = rest % g.height;
  rest /= g.height;
  let z = rest % g.depth;
  let n = rest / g.depth;
  for (let i = 0; i < m; ) {
    // To the end of a row at a time.
    const run = min(g.width - x, m - i);
    let source = n * g.sourceBatch + z * g.sourceZ + y * g.sourceY + x * g.sourceX;
    let result = n * g.resultBatch + g.resultStart + z * g.resultZ + y * g.resultY + x * g.resultX;
    for (let q = 0; q < run; q++, sources += 4, results += 4) {
      store<i32>(sources, source);
      store<i32>(results, result);
      source += g.sourceX;
      result += g.resultX;
    }
    i += run;
    x = 0;
    if (++y < g.height) continue;
    y = 0;
    if (++z < g.depth) continue;
    z = 0;
    n++;
  }
  // Neighbours may be read past the last, a step further could lie outside of the memory.
  const step = g.sourceX == 1 ? 1 : 0;
  for (let i = m; i & 7; i++, sources += 4, results += 4) {
    store<i32>(sources, load<i32>(sources - 4) + step);
    store<i32>(results, load<i32>(results - 4));
  }
}
