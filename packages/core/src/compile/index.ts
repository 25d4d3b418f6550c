/** What core exports of it. A page that compiles nothing downloads none of it: see `index.ts`. */
export { compile, type Compiled, type CompileOptions } from './compile.ts';
