/** What authors of compilers and exporters get. */
export { interpret } from './interpret.ts';
export { open } from './open.ts';
export { trace, type Feed, type Traced } from './trace.ts';
