export { loadBase, type BaseOptions } from './base.ts';
