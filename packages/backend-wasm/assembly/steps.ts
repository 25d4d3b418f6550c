import { element } from './walk';

/*
 * Steps of optimizers, elements `begin` to `end`, which are whole vectors but at the very end. Each reads its operands
 * once and writes its results once; the memory is what they wait for, so the settings are looked at in the loop.
 */

@inline
function setting(settings: usize, i: i32): v128 {
  return v128.load32_splat(element(settings, i));
}

@inline
function offset(i: i32): usize {
  return <usize>i << 2;
}

/**
 * `settings`: lr, weight decay, momentum, 1 − dampening. `before` is 0 in the first step, `buffer` without momentum;
 * `decays` and `damps` say that there is a weight decay and a dampening.
 */
export function sgd(
  p: usize,
  g: usize,
  before: usize,
  y: usize,
  buffer: usize,
  settings: usize,
  decays: i32,
  damps: i32,
  nesterov: i32,
  begin: i32,
  end: i32,
): void {
  const lr = setting(settings, 0);
  const decay = setting(settings, 1);
  const momentum = setting(settings, 2);
  const share = setting(settings, 3);
  const last = offset(end);
  for (let i = offset(begin); i < last; i += 16) {
    const value = v128.load(p + i);
    let slope = v128.load(g + i);
    if (decays) slope = f32x4.add(slope, f32x4.mul(value, decay));
    let direction = slope;
    if (buffer) {
      if (before) {
        const fresh = damps ? f32x4.mul(slope, share) : slope;
        direction = f32x4.add(f32x4.mul(v128.load(before + i), momentum), fresh);
      }
      v128.store(buffer + i, direction);
      if (nesterov) direction = f32x4.add(slope, f32x4.mul(direction, momentum));
    }
    v128.store(y + i, f32x4.sub(value, f32x4.mul(direction, lr)));
  }
}

/** `settings`: rate, β₁, 1 − β₁, β₂, 1 − β₂, eps, weight decay, shrink. `m0` and `v0` are 0 in the first step. */
export function adam(
  p: usize,
  g: usize,
  m0: usize,
  v0: usize,
  y: usize,
  m: usize,
  v: usize,
  settings: usize,
  decays: i32,
  begin: i32,
  end: i32,
): void {
  const rate = setting(settings, 0);
  const keep1 = setting(settings, 1);
  const take1 = setting(settings, 2);
  const keep2 = setting(settings, 3);
  const take2 = setting(settings, 4);
  const eps = setting(settings, 5);
  const decay = setting(settings, 6);
  const shrink = setting(settings, 7);
  const last = offset(end);
  for (let i = offset(begin); i < last; i += 16) {
    const value = v128.load(p + i);
    let slope = v128.load(g + i);
    if (decays) slope = f32x4.add(slope, f32x4.mul(value, decay));
    let first = f32x4.mul(slope, take1);
    let second = f32x4.mul(f32x4.mul(slope, slope), take2);
    if (m0) first = f32x4.add(f32x4.mul(v128.load(m0 + i), keep1), first);
    if (v0) second = f32x4.add(f32x4.mul(v128.load(v0 + i), keep2), second);
    v128.store(m + i, first);
    v128.store(v + i, second);
    const update = f32x4.div(first, f32x4.add(f32x4.sqrt(second), eps));
    v128.store(y + i, f32x4.sub(f32x4.mul(value, shrink), f32x4.mul(update, rate)));
  }
}
