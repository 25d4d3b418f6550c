import { storeUpTo } from './convert';
import { relu } from './math';

/* What follows a convolution: per output channel · scale, + shift, and an activation. */

/** Absent scale or shift is 0. */
@unmanaged
export class Affine {
  scale: usize;
  shift: usize;
  /** 0: none, 1: relu, 2: relu6. */
  activation: i32;
}

@inline
function activate(v: v128, activation: i32): v128 {
  if (activation == 0) return v;
  return activation == 1 ? relu(v) : f32x4.min(relu(v), f32x4.splat(6));
}

/** Four results of one channel. */
@inline
export function affineOf(a: Affine, channel: i32, v: v128): v128 {
  const at = <usize>channel << 2;
  if (a.scale) v = f32x4.mul(v, v128.load32_splat(a.scale + at));
  if (a.shift) v = f32x4.add(v, v128.load32_splat(a.shift + at));
  return activate(v, a.activation);
}

/** One result of each of four channels, from `channel` on. */
@inline
export function affineAcross(a: Affine, channel: i32, v: v128): v128 {
  const at = <usize>channel << 2;
  if (a.scale) v = f32x4.mul(v, v128.load(a.scale + at));
  if (a.shift) v = f32x4.add(v, v128.load(a.shift + at));
  return activate(v, a.activation);
}

/** In place, channels first. Parts are planes of `size`. */
export function affinePlanes(a: Affine, y: usize, channels: i32, size: i32, begin: i32, end: i32): void {
  const bytes = <usize>size << 2;
  for (let part = begin; part < end; part++) {
    const plane = y + <usize>part * bytes;
    for (let at = plane; at < plane + bytes; at += 16)
      storeUpTo(at, affineOf(a, part % channels, v128.load(at)), plane + bytes);
  }
}

/** In place, channels last. Parts are positions. */
export function affineRows(a: Affine, y: usize, channels: i32, begin: i32, end: i32): void {
  const bytes = <usize>channels << 2;
  for (let part = begin; part < end; part++) {
    const row = y + <usize>part * bytes;
    for (let c = 0; c < channels; c += 4) {
      const at = row + (<usize>c << 2);
      storeUpTo(at, affineAcross(a, c, v128.load(at)), row + bytes);
    }
  }
}
