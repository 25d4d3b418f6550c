import { BLOCK, POSITION_SUMS } from '../src/agreed';
import { storeUpTo } from './convert';
import { exp, log } from './math';
import { storeTransposed } from './pack';
import { own } from './thread';
import { element } from './walk';

/*
 * Softmax cross-entropy over `[n, classes, spatial]` and its gradient. A part is four positions; their classes are laid
 * side by side, a vector per class, so that all is done on vectors whatever the layout. Sums run as those of `reduce`:
 * blocks of 1,024, eight partial sums in each.
 */

/** Bytes of the eight partial sums, which lie before the room for the classes. */
const PARTIALS = 4 * POSITION_SUMS;

/** Byte offsets of four positions' first class, set by `place`; globals are a thread's own. */
let at0: usize = 0;
let at1: usize = 0;
let at2: usize = 0;
let at3: usize = 0;

@inline
function offset(position: i32, classes: i32, spatial: i32): usize {
  return <usize>((position / spatial) * classes * spatial + (position % spatial)) << 2;
}

/** Where four positions are read; those past the last are the last again. */
function place(position: i32, positions: i32, classes: i32, spatial: i32): void {
  const last = positions - 1;
  at0 = offset(position, classes, spatial);
  at1 = offset(min(position + 1, last), classes, spatial);
  at2 = offset(min(position + 2, last), classes, spatial);
  at3 = offset(min(position + 3, last), classes, spatial);
}

/** Lays the classes of four positions side by side. */
function gather(x: usize, classes: i32, step: usize, to: usize): void {
  const last = element(to, 4 * classes);
  if (at1 == at0 + 4 && at2 == at0 + 8 && at3 == at0 + 12) {
    for (x += at0; to < last; x += step, to += 16) v128.store(to, v128.load(x));
    return;
  }
  if (step == 4) {
    for (const whole = element(to, 4 * (classes & ~3)); to < whole; x += 16, to += 64) {
      const r0 = v128.load(x + at0);
      const r1 = v128.load(x + at1);
      const r2 = v128.load(x + at2);
      storeTransposed(to, 16, r0, r1, r2, v128.load(x + at3));
    }
  }
  for (; to < last; x += step, to += 16) {
    store<f32>(to, load<f32>(x + at0));
    store<f32>(to, load<f32>(x + at1), 4);
    store<f32>(to, load<f32>(x + at2), 8);
    store<f32>(to, load<f32>(x + at3), 12);
  }
}

/** The way back, for the first `lanes` positions. */
function scatter(from: usize, classes: i32, step: usize, lanes: i32, y: usize): void {
  const last = element(from, 4 * classes);
  if (lanes == 4 && at1 == at0 + 4 && at2 == at0 + 8 && at3 == at0 + 12) {
    for (y += at0; from < last; y += step, from += 16) v128.store(y, v128.load(from));
    return;
  }
  if (lanes == 4 && step == 4) {
    for (const whole = element(from, 4 * (classes & ~3)); from < whole; y += 16, from += 64) {
      const r0 = v128.load(from);
      const r1 = v128.load(from, 16);
      const r2 = v128.load(from, 32);
      storeTransposed(y + at0, at1 - at0, r0, r1, r2, v128.load(from, 48));
    }
  }
  for (; from < last; y += step, from += 16) {
    store<f32>(y + at0, load<f32>(from));
    if (lanes > 1) store<f32>(y + at1, load<f32>(from, 4));
    if (lanes > 2) store<f32>(y + at2, load<f32>(from, 8));
    if (lanes > 3) store<f32>(y + at3, load<f32>(from, 12));
  }
}

/** exp(x); t; or t · x where t is not 0. */
const EXP = 0;
const PLAIN = 1;
const MASKED = 2;

/** Σ over the classes of what `kind` says. */
@inline
function sumOf(kind: i32, x: usize, t: usize, classes: i32, partials: usize): v128 {
  let total = f32x4.splat(0);
  for (let block = 0; block < classes; block += BLOCK) {
    memory.fill(partials, 0, PARTIALS);
    const end = min(classes, block + BLOCK);
    for (let k = block; k < end; k++, x += 16, t += 16) {
      const p = partials + (<usize>(k & 7) << 4);
      let v = v128.load(x);
      if (kind == EXP) v = exp(v);
      if (kind == MASKED) {
        const factor = v128.load(t);
        v = v128.and(f32x4.mul(factor, v), f32x4.ne(factor, f32x4.splat(0)));
      }
      v128.store(p, f32x4.add(v128.load(p), v));
    }
    const p = partials;
    const low = f32x4.add(
      f32x4.add(v128.load(p), v128.load(p, 16)),
      f32x4.add(v128.load(p, 32), v128.load(p, 48)),
    );
    const high = f32x4.add(
      f32x4.add(v128.load(p, 64), v128.load(p, 80)),
      f32x4.add(v128.load(p, 96), v128.load(p, 112)),
    );
    total = f32x4.add(total, f32x4.add(low, high));
  }
  return total;
}

/** `room` is for the partial sums and twice `classes` vectors, per thread. */
export function softmaxCrossEntropy(
  x: usize,
  t: usize,
  losses: usize,
  logp: usize,
  positions: i32,
  classes: i32,
  spatial: i32,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const size = classes << 4;
  const partials = own(room, PARTIALS + 2 * size);
  const values = partials + PARTIALS;
  const targets = values + <usize>size;
  const step = <usize>spatial << 2;
  for (let part = begin; part < end; part++) {
    const lanes = min(4, positions - 4 * part);
    place(4 * part, positions, classes, spatial);
    gather(x, classes, step, values);
    gather(t, classes, step, targets);
    let best = v128.load(values);
    const last = values + <usize>size;
    for (let p = values + 16; p < last; p += 16) {
      // NaN wins, and so does the first of equals.
      const v = v128.load(p);
      best = v128.bitselect(v, best, v128.or(f32x4.gt(v, best), f32x4.ne(v, v)));
    }
    for (let p = values; p < last; p += 16) v128.store(p, f32x4.sub(v128.load(p), best));
    const rest = log(sumOf(EXP, values, 0, classes, partials));
    for (let p = values; p < last; p += 16) v128.store(p, f32x4.sub(v128.load(p), rest));
    scatter(values, classes, step, lanes, logp);
    const loss = f32x4.sub(f32x4.splat(0), sumOf(MASKED, values, targets, classes, partials));
    const to = element(losses, 4 * part);
    storeUpTo(to, loss, element(to, lanes));
  }
}

/** (exp(logp) · Σ t − t) · g. `room` as above. */
export function softmaxCrossEntropyGrad(
  logp: usize,
  t: usize,
  g: usize,
  gx: usize,
  positions: i32,
  classes: i32,
  spatial: i32,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const size = classes << 4;
  const partials = own(room, PARTIALS + 2 * size);
  const values = partials + PARTIALS;
  const targets = values + <usize>size;
  const step = <usize>spatial << 2;
  for (let part = begin; part < end; part++) {
    const lanes = min(4, positions - 4 * part);
    place(4 * part, positions, classes, spatial);
    gather(logp, classes, step, values);
    gather(t, classes, step, targets);
    const factor = v128.load(element(g, 4 * part));
    const total = sumOf(PLAIN, targets, 0, classes, partials);
    const last = values + <usize>size;
    for (let p = values, q = targets; p < last; p += 16, q += 16) {
      const softmax = exp(v128.load(p));
      v128.store(p, f32x4.mul(f32x4.sub(f32x4.mul(softmax, total), v128.load(q)), factor));
    }
    scatter(values, classes, step, lanes, gx);
  }
}
