import { CONSTANT, movementMap, type MovementOp } from '../oracle/movement.ts';
import { errorAt, type ErrorKernel } from './bounded.ts';
import { inputError, type ErrorModel } from './model.ts';

/** Errors move with their elements; `pad`'s constant was rounded to float32. */
export function movementError<N extends MovementOp>(model: ErrorModel, name: N): ErrorKernel<N> {
  return (inputs, attrs, out) => {
    const data = name === 'gather' ? inputs.slice(0, 1) : inputs;
    const constant = 'value' in attrs ? inputError(model, attrs.value) : 0;
    if (constant === 0 && data.every((t) => t.buffer.error === null)) return null;
    const errors = data.flatMap((t) => Array.from(t.buffer.value, (_, i) => errorAt(t, i)));
    const shapes = inputs.map((t) => t.spec.shape);
    const indices = name === 'gather' ? Array.from(inputs[1]!.buffer.value) : [];
    const map = movementMap(name, shapes, attrs, out.shape, indices);
    return Float64Array.from(map, (from) => (from === CONSTANT ? constant : errors[from]));
  };
}
