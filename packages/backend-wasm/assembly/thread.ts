/* Which thread this instance of the module runs on: globals are an instance's own, the memory is everybody's. */

let index: i32 = 0;

/** 0 is the thread that calls the backend; the workers count from 1. Called once, at start. */
export function setThread(i: i32): void {
  index = i;
}

/** This thread's own piece of scratch room: `bytes` from `base` on for thread 0, the next for thread 1, and so on. */
@inline
export function own(base: usize, bytes: i32): usize {
  return base + <usize>index * <usize>bytes;
}

/** 256 bytes for this thread's tiles: in the first page, between the kernels' constants and the threads' words. */
@inline
export function tileRoom(): usize {
  return 16384 + (<usize>index << 8);
}
