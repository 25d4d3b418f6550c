import type { Io, Output } from './io.ts';

/** Signals that ask a command to end, with the exit code that says so: 128 and the signal's number. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

function outputOf(stream: NodeJS.WriteStream, onError: (error: NodeJS.ErrnoException) => void): Output {
  stream.on('error', onError);
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
  let listener: ((exitCode: number) => void) | undefined;
  for (const [signal, code] of Object.entries(SIGNALS) as [NodeJS.Signals, number][]) {
    const told = (): void => {
      const current = listener;
      listener = undefined;
      if (current) return current(code);
      // By the signal itself: process.exit() waits for a read that may never come, of a pipe that nobody writes to.
      process.removeListener(signal, told);
      process.kill(process.pid, signal);
    };
    process.on(signal, told);
  }
  return {
    // Results are written last. With the reader gone, as in `graft inspect … | head`, nobody is left to tell.
    stdout: outputOf(process.stdout, (error) => {
      if (error.code === 'EPIPE') process.exit(0);
      process.stderr.write(`graft: standard output cannot be written (${error.code ?? error.message})\n`);
      process.exit(1);
    }),
    // Progress that nobody reads must not end hours of training.
    stderr: outputOf(process.stderr, () => undefined),
    env: process.env,
    onInterrupt(next) {
      listener = next;
      return () => {
        if (listener === next) listener = undefined;
      };
    },
  };
}
