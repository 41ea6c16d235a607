export interface BarChart {
  readonly title: string;
  /** Text below the chart that says where the figures come from. */
  readonly note: string;
  /** Labels along the bottom axis. */
  readonly groups: readonly string[];
  /** One value for each group. */
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}

const WIDTH = 720;
const HEIGHT = 360;
const LEFT = 40;
const TOP = 76;
const BOTTOM = HEIGHT - 66;
const GRID_LINES = 4;
const NOTE_COLUMNS = 124;
// The series differ in brightness too, so that they can be told apart without colour.
const COLOURS = ['#1f4e79', '#e8a33d', '#7a7a7a'];

/** Draws grouped bars as a self-contained SVG: it needs no script, font or style sheet. */
export function toBarChart({ title, note, groups, series }: BarChart): string {
  const top = niceTop(Math.max(...series.flatMap(({ values }) => values)));
  const y = (value: number) => BOTTOM - (value / top) * (BOTTOM - TOP);
  const groupWidth = (WIDTH - LEFT - 20) / groups.length;
  const barWidth = (groupWidth * 0.7) / series.length;

  const grid = Array.from({ length: GRID_LINES + 1 }, (_, i) => (top / GRID_LINES) * i).map(
    (value) =>
      `<line x1="${LEFT}" x2="${WIDTH - 20}" y1="${at(y(value))}" y2="${at(y(value))}" stroke="#ddd"/>` +
      text(LEFT - 6, y(value) + 4, String(value), 'end'),
  );
  const bars = series.flatMap(({ values }, s) =>
    values.map((value, g) => {
      const x = LEFT + g * groupWidth + groupWidth * 0.15 + s * barWidth;
      const bar = `<rect x="${at(x)}" y="${at(y(value))}" width="${at(barWidth - 3)}" height="${at(BOTTOM - y(value))}" fill="${COLOURS[s]}"/>`;
      return bar + text(x + barWidth / 2 - 1.5, y(value) - 5, value.toFixed(0), 'middle');
    }),
  );
  const names = groups.map((name, g) => text(LEFT + (g + 0.5) * groupWidth, BOTTOM + 18, name, 'middle'));
  const legend = series.map(({ name }, s) => {
    const x = LEFT + s * 190;
    return `<rect x="${x}" y="44" width="12" height="12" fill="${COLOURS[s]}"/>${text(x + 18, 54, name, 'start')}`;
  });
  const notes = wrap(note).map((line, i) => text(LEFT, BOTTOM + 40 + i * 13, line, 'start', 10));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 28, title, 'start', 16),
    ...legend,
    ...grid,
    ...bars,
    ...names,
    ...notes,
    '</svg>\n',
  ].join('\n');
}

/** Returns the top of the value axis: a multiple of a power of ten whose quarter is a round number. */
function niceTop(most: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return (
    [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].map((factor) => factor * power).find((top) => top >= most) ?? 10 * power
  );
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', size = 12): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" font-size="${size}" fill="#222">${escape(words)}</text>`;
}

/** Breaks a text into lines that fit the width of the chart. */
function wrap(words: string): string[] {
  const lines = [''];
  for (const word of words.split(' ')) {
    const last = lines.pop() ?? '';
    const longer = last === '' ? word : `${last} ${word}`;
    if (longer.length > NOTE_COLUMNS) lines.push(last, word);
    else lines.push(longer);
  }
  return lines;
}

const at = (value: number) => value.toFixed(1);
const escape = (words: string) => words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
