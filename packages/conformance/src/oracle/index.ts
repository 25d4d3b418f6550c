export { createContract, createOracle } from './backend.ts';
