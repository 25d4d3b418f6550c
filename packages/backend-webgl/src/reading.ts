import type { TypedArray } from '@graftjs/core/backend';
import type { Device } from './device.ts';
import { ROW, type Gl } from './gl.ts';
import type { Texture } from './textures.ts';

/** Longest time between two looks at a fence, in milliseconds. */
const PATIENCE = 4;

/** The next turn of the event loop without the 4 ms that nested timers are held back. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

const later = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Resolves when the device has done all that was drawn so far. It never blocks the thread: the fence is asked now and
 * again, at first at every turn of the event loop, then every few milliseconds.
 * @throws Error when the context is lost meanwhile
 */
export async function finished(gl: Gl): Promise<void> {
  const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
  gl.flush();
  if (fence === null) throw new Error(LOST);
  try {
    for (let turn = 0; ; turn++) {
      if (gl.isContextLost()) throw new Error(LOST);
      const status = gl.clientWaitSync(fence, 0, 0);
      if (status === gl.ALREADY_SIGNALED || status === gl.CONDITION_SATISFIED) return;
      if (status === gl.WAIT_FAILED)
        throw new Error(gl.isContextLost() ? LOST : 'waiting for the device failed');
      await (turn < 8 ? nextTurn() : later(PATIENCE));
    }
  } finally {
    gl.deleteSync(fence);
  }
}

export const LOST: string =
  'the WebGL context was lost (the device was reset, went to sleep, or is short of memory), and all tensors on it: ' +
  'make a new backend';

/**
 * Copies the first `size` elements of a texture out. The copy into a buffer of the device is queued at once, so what is
 * drawn afterwards does not change it.
 */
export async function readTexture(device: Device, texture: Texture, size: number): Promise<TypedArray> {
  const { gl } = device;
  const float = texture.texels === 'float';
  const result = float ? new Float32Array(size) : new Int32Array(size);
  if (size === 0) return result;
  const [format, type] = float ? [gl.RGBA, gl.FLOAT] : [gl.RGBA_INTEGER, gl.INT];
  const texels = Math.ceil(size / 4);
  const rows = Math.floor(texels / ROW);
  const rest = texels - rows * ROW;
  const buffer = gl.createBuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, device.framebufferOf(texture));
  gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
  gl.bufferData(gl.PIXEL_PACK_BUFFER, 16 * texels, gl.STREAM_READ);
  if (rows > 0) gl.readPixels(0, 0, ROW, rows, format, type, 0);
  if (rest > 0) gl.readPixels(0, rows, rest, 1, format, type, 16 * ROW * rows);
  gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
  try {
    await finished(gl);
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
    gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, result);
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
  } finally {
    gl.deleteBuffer(buffer);
  }
  return result;
}
