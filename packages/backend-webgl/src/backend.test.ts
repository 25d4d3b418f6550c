import { UnsupportedError } from '@graftjs/core/backend';
import { expect, test } from 'vitest';
import { createWebglBackend } from './backend.ts';
import { significandOf } from './probe.ts';

test('Node has no WebGL 2, and the error says so', async () => {
  const attempt = createWebglBackend();
  await expect(attempt).rejects.toThrow(UnsupportedError);
  await expect(attempt).rejects.toThrow(
    /needs a browser: this host has no WebGL 2; the backend 'wasm' runs here/,
  );
});

test('the significand is found by sums with known results', () => {
  const sum = (round: (x: number) => number) => (a: Float32Array, b: Float32Array) =>
    a.map((x, i) => round(x + b[i]!));
  const bits = (n: number) => (x: number) => {
    const unit = 2 ** (Math.floor(Math.log2(x)) - n + 1);
    return Math.round(x / unit) * unit;
  };
  expect(significandOf(sum(Math.fround))).toBe(24);
  for (const n of [8, 11, 16, 23]) expect(significandOf(sum(bits(n)))).toBe(n);
});
