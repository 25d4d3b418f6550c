/*
 * The three convolutions as their contract reads, tap by tap, in plain loops. The fast kernels give the same bits on
 * finite data; they read a tap in the padding as 0 and multiply, which Infinity and NaN turn into NaN, so such data
 * comes here. `p` holds the problem, one int each (triples are depth, height, width).
 */

// What is where in `p`.
const BATCH = 0;
const GROUPS = 1;
const KERNEL = 2;
const STRIDE = 5;
const DILATION = 8;
const BEFORE = 11;
/** Of an activation: channels, extent, batch step, channel step, steps. */
const INPUT = 14;
const OUTPUT = 23;
const CHANNELS = 0;
const EXTENT = 1;
const BATCH_STEP = 4;
const CHANNEL_STEP = 5;
const STEP = 6;

@inline
function int(p: usize, i: i32): i32 {
  return load<i32>(p + (<usize>i << 2));
}

@inline
function element(x: usize, i: i32): usize {
  return x + (<usize>i << 2);
}

/** Where tap t of the window at output position o (both row-major indices) lies in the input; −1 outside. */
function inputOffset(p: usize, o: i32, t: i32): i32 {
  let at = 0;
  for (let axis = 2; axis >= 0; axis--) {
    const size = int(p, OUTPUT + EXTENT + axis);
    const taps = int(p, KERNEL + axis);
    const i =
      (o % size) * int(p, STRIDE + axis) - int(p, BEFORE + axis) + (t % taps) * int(p, DILATION + axis);
    if (i < 0 || i >= int(p, INPUT + EXTENT + axis)) return -1;
    at += i * int(p, INPUT + STEP + axis);
    o /= size;
    t /= taps;
  }
  return at;
}

@inline
function outputOffset(p: usize, o: i32): i32 {
  // Positions of a sample are evenly spaced in both layouts.
  return o * int(p, OUTPUT + STEP + 2);
}

@inline
function volume(p: usize, at: i32): i32 {
  return int(p, at) * int(p, at + 1) * int(p, at + 2);
}

export function convDirect(p: usize, x: usize, w: usize, y: usize): void {
  const outputs = int(p, OUTPUT + CHANNELS);
  const perGroup = int(p, INPUT + CHANNELS) / int(p, GROUPS);
  const outPerGroup = outputs / int(p, GROUPS);
  const taps = volume(p, KERNEL);
  const positions = volume(p, OUTPUT + EXTENT);
  const channelStep = int(p, INPUT + CHANNEL_STEP);
  for (let n = 0; n < int(p, BATCH); n++) {
    for (let o = 0; o < outputs; o++) {
      const channel = (o / outPerGroup) * perGroup;
      const from = n * int(p, INPUT + BATCH_STEP) + channel * channelStep;
      for (let i = 0; i < positions; i++) {
        let sum: f32 = 0;
        for (let t = 0; t < taps; t++) {
          const at = inputOffset(p, i, t);
          if (at < 0) continue;
          for (let c = 0; c < perGroup; c++) {
            const a = load<f32>(element(x, from + c * channelStep + at));
            sum += a * load<f32>(element(w, (o * perGroup + c) * taps + t));
          }
        }
        const to = n * int(p, OUTPUT + BATCH_STEP) + o * int(p, OUTPUT + CHANNEL_STEP) + outputOffset(p, i);
        store<f32>(element(y, to), sum);
      }
    }
  }
}

/** Scatters where the contract gathers; the order is the same, for the loop over taps is outside. gx starts as zeros. */
export function convInputGradDirect(p: usize, gy: usize, w: usize, gx: usize): void {
  const outputs = int(p, OUTPUT + CHANNELS);
  const perGroup = int(p, INPUT + CHANNELS) / int(p, GROUPS);
  const outPerGroup = outputs / int(p, GROUPS);
  const taps = volume(p, KERNEL);
  const positions = volume(p, OUTPUT + EXTENT);
  const channelStep = int(p, INPUT + CHANNEL_STEP);
  for (let n = 0; n < int(p, BATCH); n++) {
    for (let t = 0; t < taps; t++) {
      for (let o = 0; o < outputs; o++) {
        const channel = (o / outPerGroup) * perGroup;
        const to = n * int(p, INPUT + BATCH_STEP) + channel * channelStep;
        for (let i = 0; i < positions; i++) {
          const at = inputOffset(p, i, t);
          if (at < 0) continue;
          const from = n * int(p, OUTPUT + BATCH_STEP) + o * int(p, OUTPUT + CHANNEL_STEP) + outputOffset(p, i);
          const g = load<f32>(element(gy, from));
          for (let c = 0; c < perGroup; c++) {
            const e = element(gx, to + c * channelStep + at);
            store<f32>(e, load<f32>(e) + g * load<f32>(element(w, (o * perGroup + c) * taps + t)));
          }
        }
      }
    }
  }
}

export function convWeightGradDirect(p: usize, x: usize, gy: usize, gw: usize): void {
  const outputs = int(p, OUTPUT + CHANNELS);
  const perGroup = int(p, INPUT + CHANNELS) / int(p, GROUPS);
  const outPerGroup = outputs / int(p, GROUPS);
  const taps = volume(p, KERNEL);
  const positions = volume(p, OUTPUT + EXTENT);
  const channelStep = int(p, INPUT + CHANNEL_STEP);
  for (let o = 0; o < outputs; o++) {
    const channel = (o / outPerGroup) * perGroup;
    for (let c = 0; c < perGroup; c++) {
      for (let t = 0; t < taps; t++) {
        let total: f32 = 0;
        for (let n = 0; n < int(p, BATCH); n++) {
          const from = n * int(p, INPUT + BATCH_STEP) + (channel + c) * channelStep;
          const g = n * int(p, OUTPUT + BATCH_STEP) + o * int(p, OUTPUT + CHANNEL_STEP);
          let partial: f32 = 0;
          for (let i = 0; i < positions; i++) {
            const at = inputOffset(p, i, t);
            if (at < 0) continue;
            const a = load<f32>(element(x, from + at));
            partial += a * load<f32>(element(gy, g + outputOffset(p, i)));
          }
          total += partial;
        }
        store<f32>(element(gw, (o * perGroup + c) * taps + t), total);
      }
    }
  }
}
