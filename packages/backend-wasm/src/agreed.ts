/*
 * Numbers on which the kernels (`assembly/`) and what calls them must agree. Both languages compile this file, so it has
 * nothing but names for whole numbers.
 */

/** The tile of outputs of the matrix product that is behind every dense kernel. */
export const ROWS = 4;
export const COLUMNS = 8;

/** Depth and width of a piece of a product's right operand, and rows of the left: they stay in the second-level cache. */
export const DEPTH = 512;
export const WIDTH = 512;
export const HEIGHT = 128;

/** Elements per block of a sum, and the interleaved partial sums in it: the contract of `reduce`. */
export const BLOCK = 1024;
export const PARTIALS = 8;
/** Outputs side by side that are reduced together. */
export const LANES = 256;

/** Kinds of reductions. */
export const SUM = 0;
export const INT_SUM = 1;
export const MAX = 2;
export const INT_MAX = 3;

/** Elements of a row that one part of an elementwise task takes: whole vectors, so that only the end of a row is not. */
export const PIECE = 4096;
/** Elements of the inner extent that a part of `scatterAdd` takes. */
export const SCATTERED = 256;

/** Positions of a part of softmax cross-entropy, and words of their partial sums. */
export const POSITIONS = 4;
export const POSITION_SUMS = 32;
/** Numbers per channel of a group that a thread needs room for, in batch norm where channels lie side by side. */
export const CHANNEL_SUMS = 22;
