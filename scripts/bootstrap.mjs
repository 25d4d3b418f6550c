// `npm test` and `npm run demo` start here. They need Node and npm only: this checks the Node version, installs
// the dependencies with the pnpm that package.json names, and runs the pnpm script given as argument.
// Old syntax only, so that an old Node gets as far as the message about its version.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const [task, ...args] = process.argv.slice(2);

const wanted = manifest.engines.node.replace('>=', '').split('.').map(Number);
const found = process.versions.node.split('.').map(Number);
if (found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1])) {
  console.error(`Graft needs Node ${wanted.join('.')} or newer; this is Node ${process.versions.node}.`);
  process.exit(1);
}
if (task === undefined) {
  console.error('usage: node scripts/bootstrap.mjs <script of package.json> [arguments]');
  process.exit(1);
}

const shell = process.platform === 'win32'; // there, npx and pnpm are .cmd files
const pinned = manifest.packageManager; // 'pnpm@10.34.9'
const onPath = spawnSync('pnpm', ['--version'], { cwd: root, shell, encoding: 'utf8' });
const pnpm = `pnpm@${String(onPath.stdout).trim()}` === pinned ? ['pnpm'] : ['npx', '--yes', pinned];

// Ctrl-C reaches every process on the terminal: stay until the child has tidied up, and end with its exit code.
let child;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => child && child.kill(signal));
}

function run(...command) {
  const [program, ...rest] = [...pnpm, ...command];
  return new Promise((resolve) => {
    child = spawn(program, rest, { cwd: root, shell, stdio: 'inherit' });
    child.on('error', (error) => {
      console.error(`cannot run ${program}: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code !== null ? code : signal === 'SIGINT' ? 130 : 1));
  });
}

async function main() {
  const installed = await run('install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=warn');
  if (installed !== 0) {
    console.error('pnpm could not install the dependencies; see above.');
    return installed;
  }
  // --silent: the script's own last line stays the last line
  return run('--silent', 'run', task, ...args);
}

main().then((status) => process.exit(status));
