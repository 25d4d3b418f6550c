// What tests in a browser ask of Node.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { root } from './steps.mjs';

/**
 * A vitest browser command: runs a TypeScript file of the repository in a process of its own.
 * @param {unknown} _context vitest's
 * @param {string} script its path from the root
 * @param {string[]} args
 * @returns {Promise<string>} what it prints
 */
export async function runInNode(_context, script, ...args) {
  const options = ['--conditions=@graftjs/source', '--import', 'tsx'];
  const { stdout } = await promisify(execFile)(process.execPath, [...options, script, ...args], {
    cwd: root,
  });
  return stdout;
}
