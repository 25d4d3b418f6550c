/** True in the build for a V8 that revectorizes, for which scripts/build-wasm.mjs puts another file in this one's place. */
export const PAIRED: bool = false;
