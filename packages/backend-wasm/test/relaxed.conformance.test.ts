import { runConformance } from '@graftjs/conformance';
import { createWasmBackend } from '../src/index.ts';

/*
 * Fused multiply-add leaves out the rounding of a product. The bounds allow for it and for the sum's, so they hold for one
 * rounding as for two; only the bits are not those of the contract.
 */
runConformance({ name: 'wasm with relaxed SIMD', create: () => createWasmBackend({ relaxedSimd: true }) });
