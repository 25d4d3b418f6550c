/** The part of `AbortSignal` that is used; core knows no DOM. */
export interface AbortSignalLike {
  readonly aborted: boolean;
}
