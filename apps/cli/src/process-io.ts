import type { Io, Output } from './io.ts';

function outputOf(stream: NodeJS.WriteStream): Output {
  // The reader has gone, as in `graft inspect … | head`: nobody is left to tell.
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    write: (text) => void stream.write(text),
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns || 80;
    },
  };
}

/** The process that we are: its streams, its environment, and Ctrl-C. */
export function processIo(): Io {
  let listener: (() => void) | undefined;
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      const told = listener;
      listener = undefined;
      if (told) told();
      else process.exit(code);
    });
  }
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    env: process.env,
    onInterrupt(next) {
      listener = next;
      return () => {
        if (listener === next) listener = undefined;
      };
    },
  };
}
