/** The parts of Node's modules that are used here. */
interface NodeModules {
  getBuiltinModule?(name: 'node:module'): {
    createRequire(from: string): { resolve(name: string): string };
  };
}

/** In Node, the folder of the installed tfjs-backend-wasm; elsewhere nobody knows. */
export function wasmFolder(): string | undefined {
  const host = (globalThis as { process?: NodeModules }).process;
  const module = host?.getBuiltinModule?.('node:module');
  const main = module?.createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  return main?.replace(/[^/\\]*$/, '');
}
