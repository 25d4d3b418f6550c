// Runs scripts of package.json side by side and shows the output of those that fail.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const env = {
  ...process.env,
  PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
};

/** Runs one command with its output on the terminal; resolves to its exit code. */
export function show(command) {
  return new Promise((resolve) => {
    const child = spawn(command, { cwd: root, env, shell: true, stdio: 'inherit' });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

function capture(command) {
  return new Promise((resolve) => {
    const child = spawn(command, { cwd: root, env, shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/**
 * Runs the named scripts, at most `lanes` at a time, all of them even if one fails. What must come one after the other is
 * a list in the list: what follows a failure there is left out.
 * @returns {Promise<string[]>} the names that failed
 */
export async function runScripts(names, lanes = 2) {
  const failed = [];
  const queue = names.map((entry) => [entry].flat());
  const lane = async () => {
    for (let chain; (chain = queue.shift()) !== undefined;) {
      for (const name of chain) {
        const start = performance.now();
        const { code, output } = await capture(scripts[name]);
        const seconds = ((performance.now() - start) / 1000).toFixed(1);
        console.log(`${code === 0 ? '✓' : '✗'} ${name} (${seconds} s)`);
        if (code === 0) continue;
        failed.push(name);
        console.log(`${output.trimEnd()}\n✗ ${name}: pnpm ${name}\n`);
        break;
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return failed;
}
