export { float, GraphBuilder, OPSET, type Attributes, type Result, type Value } from './builder.ts';
export { BINARY_OPERATORS, UNARY_OPERATORS } from './elementwise.ts';
export { lowerGraph, type LoweredGraph } from './graph.ts';
export { lower } from './lower.ts';
