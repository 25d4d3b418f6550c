import { GraftError } from '@graftjs/core';
import { decodeImage, drawPicture, startCamera, stopCamera } from '@graftjs/vision/browser';
import { expect, test, vi } from 'vitest';
import { noise } from '../src/testing.ts';

interface Page {
  OffscreenCanvas: new (
    width: number,
    height: number,
  ) => Parameters<typeof drawPicture>[1] & { convertToBlob(): Promise<Blob> };
  DOMException: new (message: string, name: string) => Error;
  navigator: { mediaDevices: { getUserMedia(): Promise<unknown> } };
}
const page = globalThis as unknown as Page;

test('drawPicture makes a canvas show the very pixels', async () => {
  const picture = noise(9, 7, 1);
  const canvas = drawPicture(picture, new page.OffscreenCanvas(1, 1));
  expect(await decodeImage(await canvas.convertToBlob())).toEqual(picture);
});

test('stopCamera ends every track, and may be called again', () => {
  const tracks = [{ stop: vi.fn() }, { stop: vi.fn() }];
  const video = { srcObject: { getTracks: () => tracks } as unknown };
  stopCamera(video);
  stopCamera(video);
  expect(tracks.map(({ stop }) => stop.mock.calls.length)).toEqual([1, 1]);
  expect(video.srcObject).toBe(null);
});

test('startCamera starts it once', async () => {
  const ask = vi.spyOn(page.navigator.mediaDevices, 'getUserMedia').mockResolvedValue('a stream');
  const video = { srcObject: null as unknown, play: vi.fn(async () => {}) };
  expect([await startCamera(video), await startCamera(video)]).toEqual([true, false]);
  expect([video.srcObject, ask.mock.calls.length, video.play.mock.calls.length]).toEqual(['a stream', 1, 1]);
  ask.mockRestore();
});

test.each([
  ['NotAllowedError', 'the camera may not be used: allow it'],
  ['NotFoundError', 'there is no camera here: choose files'],
  ['NotReadableError', 'the camera does not answer'],
  ['OverconstrainedError', 'the camera cannot be used: too much'],
])('startCamera puts %s in a sentence', async (name, sentence) => {
  const ask = vi
    .spyOn(page.navigator.mediaDevices, 'getUserMedia')
    .mockRejectedValue(new page.DOMException('too much', name));
  const error: unknown = await startCamera({ srcObject: null, play: async () => {} }).catch(
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(GraftError);
  expect((error as Error).message).toContain(sentence);
  ask.mockRestore();
});
