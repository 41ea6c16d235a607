import type { Second } from './calls.ts';

const SHOWN_SECONDS = 60;

/** Renders a page with the calls of each of the last 60 seconds. The page reloads itself every second. */
export function toPage(seconds: readonly Second[], maxCallsPerSecond: number): string {
  const shown = seconds.slice(-SHOWN_SECONDS).toReversed();
  const most = Math.max(0, ...shown.map(({ calls }) => calls));
  // A full bar stands for the limit, or for the busiest second if that is above the limit.
  const scale = Math.max(most, maxCallsPerSecond);
  const total = shown.reduce((sum, { calls }) => sum + calls, 0);
  const refused = shown.reduce((sum, second) => sum + second.refused, 0);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="1">
<meta name="viewport" content="width=device-width">
<title>Product stand-in: calls a second</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { padding: .15rem .6rem; text-align: right; }
  th:first-child, td:first-child { text-align: left; }
  td:last-child, th:last-child { width: 55%; text-align: left; }
  tr + tr td { border-top: 1px solid #8883; }
  .bar { background: #3a7; height: .8rem; border-radius: 2px; }
  .refused { color: #c33; font-weight: 600; }
</style>
</head>
<body>
<h1>Product stand-in</h1>
<p>Calls from Tally to the product service: ${total} in the last ${shown.length} seconds, at most ${most} in one second.
More than ${maxCallsPerSecond} calls in one second are refused; ${refused} were. A full bar stands for ${scale} calls.${total === 0 ? ' Run <b>just demo</b> to see some.' : ''}</p>
<table>
<tr><th>Second (UTC)</th><th>Calls</th><th>Refused</th><th>Of ${scale}</th></tr>
${shown.map((second) => toRow(second, scale)).join('\n')}
</table>
</body>
</html>
`;
}

function toRow({ second, calls, refused }: Second, scale: number): string {
  const time = new Date(second * 1000).toISOString().slice(11, 19);
  const width = ((calls / scale) * 100).toFixed(0);
  const marked = refused > 0 ? ' class="refused"' : '';
  return `<tr><td>${time}</td><td>${calls}</td><td${marked}>${refused}</td><td><div class="bar" style="width:${width}%"></div></td></tr>`;
}
