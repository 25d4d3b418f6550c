/** Light and dark by the reader's setting; no fonts, scripts or pictures from elsewhere. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --panel: #f6f7f9; --ink: #1b1f24; --soft: #5b6570; --line: #dfe3e8;
  --train: #8a6d00; --validation: #1f5fd0; --right: #1f5fd0; --wrong: #c2410c; --strong: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --panel: #1c2026; --ink: #e7eaee; --soft: #9aa5b1; --line: #323944;
    --train: #d9b23c; --validation: #7fb0ff; --right: #7fb0ff; --wrong: #ff9466; --strong: #10141a;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 32px 24px 64px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 44px 0 12px; }
h3 { font-size: 15px; margin: 20px 0 8px; }
p { margin: 0 0 12px; max-width: 76ch; }
.soft, figcaption, .axis { color: var(--soft); fill: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 24px 0 0; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 12px 18px; flex: 1 1 180px; }
.tile b { display: block; font-size: 28px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
.charts { display: flex; flex-wrap: wrap; gap: 24px; margin-bottom: 12px; }
.charts figure { flex: 1 1 420px; }
figure { margin: 0; min-width: 0; }
svg { width: 100%; height: auto; display: block; background: var(--paper); forced-color-adjust: none; }
svg text { font-size: 12px; font-family: inherit; fill: var(--ink); }
svg text.axis { fill: var(--soft); }
.grid { stroke: var(--line); }
.mark line { stroke: var(--soft); stroke-dasharray: 3 4; }
.line path { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.train path { stroke: var(--train); } .line.train circle, .line.train text { fill: var(--train); }
.line.validation path { stroke: var(--validation); } .line.validation circle, .line.validation text { fill: var(--validation); }
.confusion svg { margin: 0; }
.confusion .frame { fill: none; stroke: var(--line); }
.confusion g rect { fill-opacity: var(--share); }
rect.right { fill: var(--right); } rect.wrong { fill: var(--wrong); }
svg text.strong { fill: var(--strong); } svg text.weak { fill: var(--ink); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; }
td, th { padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; }
td { max-width: 44ch; overflow-wrap: anywhere; }
bdi { unicode-bidi: isolate; }
svg.bar { display: inline-block; width: 90px; height: 9px; margin-left: 8px; }
svg.bar rect:not(.right) { fill: var(--line); }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 16px; }
.pictures img { width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
.pictures figcaption { font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }
.pictures b { color: var(--wrong); } .pictures .sure b { color: var(--right); }
.none { display: grid; place-items: center; aspect-ratio: 1; border: 1px dashed var(--line); border-radius: 8px; color: var(--soft); }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 48px; color: var(--soft); font-size: 13px; }
@media print { body { max-width: none; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
`;
