import { GraftError } from '@graftjs/core';
import { toRgba, type Picture } from '../picture.ts';

/* What a page lends, as far as it is used; Node's types do not declare it. */
interface Canvas {
  width: number;
  height: number;
  getContext(kind: '2d'): { putImageData(image: never, x: number, y: number): void } | null;
}
interface Video {
  srcObject: unknown;
  play(): Promise<void>;
}
interface Stream {
  getTracks(): { stop(): void }[];
}
interface Host {
  ImageData: new (data: Uint8ClampedArray, width: number) => never;
  navigator: { mediaDevices?: { getUserMedia(wanted: { video: true }): Promise<unknown> } };
}
const host = globalThis as unknown as Host;

/** Makes a canvas show a picture, pixel by pixel; it takes the picture's size. */
export function drawPicture<C extends Canvas>(picture: Picture, canvas: C): C {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext('2d')!.putImageData(new host.ImageData(toRgba(picture), picture.width), 0, 0);
  return canvas;
}

const REASONS: Readonly<Record<string, string>> = {
  NotAllowedError: 'the camera may not be used: allow it for this page in the browser, or choose files',
  NotFoundError: 'there is no camera here: choose files',
  NotReadableError: 'the camera does not answer: another program may be using it',
};

/**
 * Starts the camera in a video element, which asks the visitor for permission. From then on
 * `decodeImage(await createImageBitmap(video))` takes a picture.
 * @returns whether it had to be started
 * @throws GraftError, one sentence, where there is no camera or it may not be used
 */
export async function startCamera(video: Video): Promise<boolean> {
  if (video.srcObject) return false;
  const { mediaDevices } = host.navigator;
  if (!mediaDevices) throw new GraftError('the camera wants a page from https: or localhost: choose files');
  try {
    video.srcObject = await mediaDevices.getUserMedia({ video: true });
  } catch (error) {
    const { name, message } = error as Error;
    throw new GraftError(REASONS[name] ?? `the camera cannot be used: ${message}`, { cause: error });
  }
  await video.play();
  return true;
}

/** Switches the camera off, for all that use it in this video element. Does nothing where it is off. */
export function stopCamera(video: Pick<Video, 'srcObject'>): void {
  for (const track of (video.srcObject as Stream | null)?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}
