import { type ActivationGeometry, type ConvProblem, product, type Triple } from '@graftjs/core/backend';

const f = Math.fround;

/**
 * The three convolutions as their contract reads, tap by tap, in plain loops. The fast kernels give the same bits on
 * finite data; they read a tap in the padding as 0 and multiply, which Infinity and NaN turn into NaN, so such data
 * comes here.
 */
export function convDirect(p: ConvProblem, x: Float32Array, w: Float32Array, y: Float32Array): void {
  const { input, output, window } = p;
  const perGroup = input.channels / p.groups;
  const outPerGroup = output.channels / p.groups;
  const taps = product(window.kernel);
  for (let n = 0; n < output.batch; n++) {
    for (let o = 0; o < output.channels; o++) {
      const firstChannel = Math.floor(o / outPerGroup) * perGroup;
      forEachPosition(output.extent, (position) => {
        let acc = f(0);
        for (let t = 0; t < taps; t++) {
          const at = inputOffset(p, position, t);
          if (at < 0) continue;
          for (let c = 0; c < perGroup; c++) {
            const xi = n * input.batchStep + (firstChannel + c) * input.channelStep + at;
            acc = f(acc + f(x[xi]! * w[(o * perGroup + c) * taps + t]!));
          }
        }
        y[n * output.batchStep + o * output.channelStep + offset(output, position)] = acc;
      });
    }
  }
}

/** Scatters where the contract gathers; the order is the same, for the loop over taps is outside. */
export function convInputGradDirect(
  p: ConvProblem,
  gy: Float32Array,
  w: Float32Array,
  gx: Float32Array,
): void {
  const { input, output, window } = p;
  const perGroup = input.channels / p.groups;
  const outPerGroup = output.channels / p.groups;
  const taps = product(window.kernel);
  gx.fill(0);
  for (let n = 0; n < output.batch; n++) {
    for (let t = 0; t < taps; t++) {
      for (let o = 0; o < output.channels; o++) {
        const firstChannel = Math.floor(o / outPerGroup) * perGroup;
        forEachPosition(output.extent, (position) => {
          const at = inputOffset(p, position, t);
          if (at < 0) return;
          const g = gy[n * output.batchStep + o * output.channelStep + offset(output, position)]!;
          for (let c = 0; c < perGroup; c++) {
            const xi = n * input.batchStep + (firstChannel + c) * input.channelStep + at;
            gx[xi] = f(gx[xi]! + f(g * w[(o * perGroup + c) * taps + t]!));
          }
        });
      }
    }
  }
}

export function convWeightGradDirect(
  p: ConvProblem,
  x: Float32Array,
  gy: Float32Array,
  gw: Float32Array,
): void {
  const { input, output, window } = p;
  const perGroup = input.channels / p.groups;
  const outPerGroup = output.channels / p.groups;
  const taps = product(window.kernel);
  for (let o = 0; o < output.channels; o++) {
    const firstChannel = Math.floor(o / outPerGroup) * perGroup;
    for (let c = 0; c < perGroup; c++) {
      for (let t = 0; t < taps; t++) {
        let total = f(0);
        for (let n = 0; n < output.batch; n++) {
          let partial = f(0);
          forEachPosition(output.extent, (position) => {
            const at = inputOffset(p, position, t);
            if (at < 0) return;
            const g = gy[n * output.batchStep + o * output.channelStep + offset(output, position)]!;
            partial = f(
              partial + f(x[n * input.batchStep + (firstChannel + c) * input.channelStep + at]! * g),
            );
          });
          total = f(total + partial);
        }
        gw[(o * perGroup + c) * taps + t] = total;
      }
    }
  }
}

function forEachPosition([d, h, w]: Triple, visit: (position: Triple) => void): void {
  for (let z = 0; z < d; z++) for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) visit([z, y, x]);
}

function offset({ step }: ActivationGeometry, position: Triple): number {
  return position[0] * step[0] + position[1] * step[1] + position[2] * step[2];
}

/** Where tap t of the window at an output position lies in the input; -1 outside. */
function inputOffset({ input, window }: ConvProblem, position: Triple, t: number): number {
  const [, kh, kw] = window.kernel;
  const tap: Triple = [Math.floor(t / (kh * kw)), Math.floor(t / kw) % kh, t % kw];
  let at = 0;
  for (let axis = 0; axis < 3; axis++) {
    const i =
      position[axis]! * window.stride[axis]! - window.before[axis]! + tap[axis]! * window.dilation[axis]!;
    if (i < 0 || i >= input.extent[axis]!) return -1;
    at += i * input.step[axis]!;
  }
  return at;
}
