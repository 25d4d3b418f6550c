/** What core exports of it. A page that compiles nothing downloads none of it: see `index.ts`. */
export { compile, type Compiled, type CompileOptions } from './compile.ts';
export { interpret } from './interpret.ts';
export { record, type RecordedCall, type Recording } from './record.ts';
export type { Feed } from './trace.ts';
