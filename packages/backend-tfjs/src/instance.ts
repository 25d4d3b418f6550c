import { GraftError, NameError, UnsupportedError } from '@graftjs/core/backend';
import { engine, findBackend, getKernelsForBackend, KernelBackend, ready } from '@tensorflow/tfjs-core';

/**
 * tfjs's backend of a name, started if it was not. tfjs has one of each name for the whole program, and so have its
 * kernels: it is the one that `tf.setBackend` would make current. The current one stays the current one.
 */
export async function instanceOf(name: string): Promise<KernelBackend> {
  const names = engine().backendNames();
  if (!names.includes(name))
    throw new NameError(`no backend '${name}' is registered with tfjs: there are '${names.join("', '")}'`);
  let instance = findBackend(name) as KernelBackend | null | undefined;
  if (!instance) {
    await ready(); // waits for the backend that is being started
    instance = findBackend(name) as KernelBackend | null | undefined;
  }
  if (!instance) throw new GraftError(`tfjs could not start its backend '${name}'`);
  if (instance.readSync === KernelBackend.prototype.readSync)
    throw new UnsupportedError(
      `tfjs's backend '${name}' cannot read numbers at once, which some kernels need`,
    );
  // What `tf.setBackend` does for the kernels.
  for (const { setupFunc } of getKernelsForBackend(name)) setupFunc?.(instance);
  return instance;
}
