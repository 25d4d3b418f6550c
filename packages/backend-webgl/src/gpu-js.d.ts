declare module 'gpu.js/dist/gpu-browser.min.js' {
  const GPU: unknown;
  export default GPU;
}
