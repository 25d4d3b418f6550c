import type { Backend } from '@graftjs/core';

/** Takes everything, keeps nothing, computes nothing: on it a network shows whether a file fits, at no cost. */
export const nowhere: Backend<null> = {
  name: 'nowhere',
  upload: () => null,
  read: () => Promise.reject(new Error('nothing is stored here')),
  release: () => {},
  flush: () => Promise.resolve(),
  dispose: () => Promise.resolve(),
  run: () => {
    throw new Error('nothing is computed here');
  },
};
