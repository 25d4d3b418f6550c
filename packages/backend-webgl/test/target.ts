import { contractModel, type ErrorModel, type Target } from '@graftjs/conformance';
import { createWebglBackend, type Rounding, type WebglBackend } from '../src/index.ts';

/**
 * The bounds for a device that rounds as it was found to. Each function of core's is a chain of operations; where the bits
 * are not core's own, an operation is at most five times as far off as core's (a division's 2.5 ulp for its ½), and to first
 * order so is the chain. `pow` then counts without the low parts of its double-float steps, which a compiler may have
 * simplified away: y · log2 x, up to 128, is off by 2⁻¹⁷ and a little, so the power by 2⁻¹⁷ · ln 2 of itself, 2⁷ ulp at most.
 */
export function modelOf({ arithmetic, division, sqrt, smallest, functions }: Rounding): Partial<ErrorModel> {
  const { unary } = contractModel;
  const times = functions ? 1 : 5;
  return {
    order: 'any', // sums go in tiles
    arithmetic,
    division,
    smallest,
    unary: {
      ...(Object.fromEntries(
        Object.entries(unary).map(([kind, ulps]) => [kind, ulps * times]),
      ) as ErrorModel['unary']),
      sqrt,
      reciprocal: division,
      // 1 / √x: the root's error is halved by the derivative, then the division's.
      rsqrt: 2 * sqrt + division,
    },
    pow: functions ? contractModel.pow : 128,
  };
}

export const target: Target = {
  name: 'webgl',
  create: () => createWebglBackend(),
  notIn: { node: 'Node has no WebGL' },
  signedZero: false, // GLSL ES 3.00 keeps −0 apart from +0 nowhere
  model: async (backend) => modelOf(await (backend as WebglBackend).measureRounding()),
};
