import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Contender } from '../contender.ts';

const PYTHON = '/usr/bin/python3';
const script = fileURLToPath(new URL('../pytorch.py', import.meta.url));

/** PyTorch in a process of its own that does a step for each line it is sent; null where it is not installed. */
export function pytorch(threads: number): Contender | null {
  try {
    execFileSync(PYTHON, ['-c', 'import torch, torchvision'], { stdio: 'ignore' });
  } catch {
    return null;
  }
  return {
    name: `PyTorch ×${threads}`,
    ours: false,
    parallel: true,
    async prepare(work) {
      if (work.kind !== 'step' || work.step.endsWith(' forward')) return '';
      const child = spawn(PYTHON, [script, '--threads', String(threads), work.step], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      const reply = async (): Promise<void> => {
        if ((await lines.next()).done) throw new Error('pytorch.py has stopped');
      };
      await reply(); // the model is there
      return {
        async run() {
          child.stdin.write('step\n');
          await reply();
        },
        dispose: () => void child.stdin.end(),
      };
    },
    dispose: async () => {},
  };
}
