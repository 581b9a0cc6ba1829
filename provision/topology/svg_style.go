package topology

// style colours by role, and tells roles apart by dashes and corners as well; the
// second half is for dark ground.
const style = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1b1f24; }
  .title { font-weight: 600; font-size: 16px; }
  .strong { font-weight: 600; }
  .note, .leg, .host { font-size: 11px; fill: #57606a; }
  .words { font-size: 11px; fill: #57606a; }
  .good { fill: #116329; } .ill, .warn { fill: #a40e26; }
  .mid { text-anchor: middle; }
  path { fill: none; stroke: #57606a; stroke-width: 2; }
  rect { stroke-width: 1.5; }
  .ground { fill: #ffffff; stroke: #d0d7de; stroke-width: 1; }
  .tenant { fill: #ddf4ff; stroke: #0969da; }
  .segment { fill: #ffffff; stroke: #6e7781; stroke-dasharray: 5 3; }
  .management { fill: #ffffff; stroke: #8250df; stroke-dasharray: 2 3; }
  .appliance { fill: #fff1d6; stroke: #bc4c00; }
  .provider { fill: #fbefff; stroke: #8250df; }
  .inner { fill: none; }
  .bad { stroke: #cf222e; stroke-width: 2.5; stroke-dasharray: 7 3; }
  .gateway { fill: #dafbe1; stroke: #1a7f37; }
  .turn { stroke-dasharray: 6 4; }
  .tie { stroke: #1a7f37; stroke-width: 1.5; stroke-dasharray: 3 3; }
  .cut { stroke: #cf222e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note, .leg, .host, .words { fill: #9da7b3; }
    .good { fill: #56d364; } .ill, .warn { fill: #ff7b72; }
    path { stroke: #9da7b3; }
    .ground { fill: #0d1117; stroke: #30363d; }
    .tenant { fill: #0c2d6b; stroke: #58a6ff; } .segment { fill: #161b22; stroke: #8b949e; }
    .management { fill: #161b22; stroke: #bc8cff; }
    .appliance { fill: #4d2d00; stroke: #f0883e; } .provider { fill: #271052; stroke: #bc8cff; } .inner { fill: none; }
    .bad { stroke: #ff7b72; }
    .gateway { fill: #0f3d1f; stroke: #3fb950; } .tie { stroke: #3fb950; }
    .cut { stroke: #ff7b72; }
  }
`
