import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export const repository: string = join(import.meta.dirname, '../../../../..');
const read = (path: string): Manifest => JSON.parse(readFileSync(path, 'utf8')) as Manifest;

interface Manifest {
  readonly version: string;
  readonly packageManager?: string;
  readonly engines?: { readonly typescript?: string };
}

/** What is published. (Not conformance: it wants vitest, and who writes a backend has that.) */
const folders = [
  ...readdirSync(join(repository, 'packages')).map((name) => `packages/${name}`),
  'apps/cli',
].filter(
  (folder) => folder !== 'packages/conformance' && existsSync(join(repository, folder, 'package.json')),
);
export const names: readonly string[] = folders.map((folder) => `@graftjs/${folder.split('/')[1]}`);

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end, whatever that is. */
export async function run(
  cwd: string,
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const options = { cwd, env: { ...process.env, NO_COLOR: '1', ...env }, maxBuffer: 2 ** 26 };
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, options);
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number | string; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, out: stdout ?? '', err: stderr ?? '' };
  }
}

async function must(cwd: string, program: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await run(cwd, program, args, { npm_config_ignore_scripts: 'true' });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit code ${code}\n${out}${err}`);
  return out;
}

/** pnpm of the version that package.json names, whether or not it is on PATH. */
async function pnpm(...args: string[]): Promise<string> {
  const { packageManager } = read(join(repository, 'package.json'));
  return must(repository, 'npx', '--yes', packageManager!, ...args);
}

/** Where the tarball of `name` is. */
export const tarball = (project: string, name: string): string => {
  const folder = folders[names.indexOf(name)]!;
  const { version } = read(join(repository, folder, 'package.json'));
  return join(project, 'tarballs', `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
};

/** The least TypeScript that README.md promises, as npm has it. */
export const leastTypescript = '5.7.2';

/**
 * Makes of the empty folder `project` what somebody has who installed every package: `npm install` of tarballs as they
 * would be published, `typescript-least` and Node's types beside them. The packages must have been built.
 */
export async function makeProject(project: string): Promise<void> {
  const missing = folders.filter((folder) => !existsSync(join(repository, folder, 'dist')));
  if (missing.length) throw new Error(`no dist in ${missing.join(', ')}: run pnpm build first`);
  const chosen = folders.flatMap((folder) => ['--filter', `./${folder}`]);
  await pnpm('--recursive', ...chosen, 'pack', '--pack-destination', join(project, 'tarballs'));
  const dependencies = {
    ...Object.fromEntries(names.map((name) => [name, `file:${tarball(project, name)}`])),
    'typescript-least': `npm:typescript@${leastTypescript}`,
    '@types/node': '^20.19.0',
  };
  const manifest = { name: 'outside', private: true, type: 'module', dependencies };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  await must(project, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund');
  // An optional peer of 200 MB, which is here already.
  lend(project, 'onnxruntime-node', 'packages/backend-onnx');
}

/** A package of somebody else's that the workspace has. */
function lend(project: string, name: string, from: string): void {
  const place = join(project, 'node_modules', name);
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(repository, from, 'node_modules', name), place);
}
