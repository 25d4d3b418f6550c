import { GraftError } from '@graftjs/core/backend';
import { builtin } from './host.ts';

/* Threads of the host's, of Node's or of a browser's kind, declared as far as they are used. */

interface NodeWorker {
  on(event: 'message', listener: (message: unknown) => void): void;
  on(event: 'error', listener: (error: unknown) => void): void;
  on(event: 'exit', listener: () => void): void;
  postMessage(message: unknown): void;
  unref(): void;
  terminate(): Promise<unknown>;
}

interface WebWorker {
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: { message?: string }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}

interface Globals {
  readonly Worker: new (url: string) => WebWorker;
  readonly Blob: new (parts: readonly string[], options: { type: string }) => object;
  readonly URL: { createObjectURL(blob: object): string; revokeObjectURL(url: string): void };
}

const host = globalThis as unknown as Globals;

/** A thread of the host's, whichever it is. */
export interface Thread {
  post(message: unknown): void;
  /** Lets the process end while the thread waits. */
  unref(): void;
  terminate(): Promise<void>;
}

/**
 * Starts a thread that runs a script, which finds `receive(listener)` and `send(message)` there.
 * @param onEnd called when the thread has ended or failed, with the reason.
 */
export function startThread(
  script: string,
  onMessage: (message: unknown) => void,
  onEnd: (reason: string) => void,
): Thread {
  const node = builtin<{ Worker: new (code: string, options: object) => NodeWorker }>('node:worker_threads');
  if (node) {
    const glue = `const { parentPort } = require('node:worker_threads');
const receive = (listener) => parentPort.on('message', listener);
const send = (message) => parentPort.postMessage(message);
`;
    const worker = new node.Worker(glue + script, { eval: true, execArgv: [], stdin: false });
    worker.on('message', onMessage);
    worker.on('error', (error) => onEnd(String(error)));
    worker.on('exit', () => onEnd('it ended'));
    return {
      post: (message) => worker.postMessage(message),
      unref: () => worker.unref(),
      terminate: async () => void (await worker.terminate()),
    };
  }
  const glue = `const receive = (listener) => { onmessage = ({ data }) => listener(data); };
const send = (message) => postMessage(message);
`;
  const url = host.URL.createObjectURL(new host.Blob([glue + script], { type: 'text/javascript' }));
  let worker: WebWorker;
  try {
    worker = new host.Worker(url);
  } catch (error) {
    throw new GraftError(`${BLOCKED} (${(error as Error).message})`, { cause: error });
  }
  let heard = false;
  worker.onmessage = ({ data }) => {
    if (!heard) host.URL.revokeObjectURL(url);
    heard = true;
    onMessage(data);
  };
  // A script that fails says with what; one that was never loaded says nothing.
  worker.onerror = ({ message }) => onEnd(message || (heard ? 'it failed' : BLOCKED));
  return {
    post: (message) => worker.postMessage(message),
    unref: () => {},
    terminate: async () => worker.terminate(),
  };
}

const BLOCKED =
  'the browser did not load its script, which is a blob: the Content-Security-Policy of the page or worker, if it has ' +
  'one, must allow worker-src blob:';
