/** What core exports of it. A page that compiles nothing downloads none of it: see `index.ts`. */
export { compile, type Compiled, type CompileOptions } from './compile.ts';
export { interpret } from './interpret.ts';
export { open } from './open.ts';
export { trace, type Feed, type Traced } from './trace.ts';
