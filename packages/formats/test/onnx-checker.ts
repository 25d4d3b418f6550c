import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs ONNX's checker with shape inference on each file, and prints what each does not pass. */
const SCRIPT = `
import json, os, sys
import onnx
problems = {}
folder = sys.argv[1]
for name in sorted(os.listdir(folder)):
    model = onnx.load(os.path.join(folder, name))
    try:
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        typed = {v.name for v in list(inferred.graph.value_info) + list(inferred.graph.output)}
        missing = [o for n in inferred.graph.node for o in n.output if o and o not in typed]
        if missing:
            problems[name] = 'no type for ' + ', '.join(missing)
    except Exception as e:
        problems[name] = str(e)
print(json.dumps(problems))
`;

/** Debian's own first: another Python in the path does not see Debian's packages. */
const PYTHONS = ['/usr/bin/python3', 'python3'];
let python: string | null = null;

/** Is Python's onnx here (Debian's python3-onnx)? Where CI is set it must be. */
export async function hasChecker(): Promise<boolean> {
  for (const candidate of PYTHONS) {
    try {
      await run(candidate, ['-c', 'import onnx']);
      python = candidate;
      return true;
    } catch {
      // the next one
    }
  }
  if (process.env['CI']) throw new Error('python3-onnx is missing: .ci/run installs it');
  console.warn("SKIPPED: ONNX's own checker is not here; apt-get install python3-onnx");
  return false;
}

/** What `onnx.checker` and its shape inference say against each file: nothing, if all is well. */
export async function checkFiles(files: ReadonlyMap<string, Uint8Array>): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-onnx-'));
  try {
    for (const [name, bytes] of files)
      await writeFile(join(folder, `${name.replaceAll('/', '-')}.onnx`), bytes);
    const { stdout } = await run(python!, ['-c', SCRIPT, folder], { maxBuffer: 2 ** 26 });
    return JSON.parse(stdout) as Record<string, string>;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
