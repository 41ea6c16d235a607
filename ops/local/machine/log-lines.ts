interface LogLines {
  readonly name: string;
  readonly lines: readonly string[];
}

interface NamedLine {
  readonly name: string;
  readonly line: string;
}

/** Merges the lines of several logs in the order of their times. A line without a time follows the one before it. */
export function mergeByTime(logs: readonly LogLines[]): NamedLine[] {
  const timed = logs.flatMap(({ name, lines }) => {
    let timeMs = 0;
    return lines.map((line) => {
      timeMs = timeOf(line) ?? timeMs;
      return { name, line, timeMs };
    });
  });
  return timed.toSorted((a, b) => a.timeMs - b.timeMs).map(({ name, line }) => ({ name, line }));
}

/**
 * The patterns that find the time in a line of our services, of Kafka, of PostgreSQL and pgbouncer, and of Redis. The
 * function next to each turns that time into a text that Date.parse reads. The times of PostgreSQL, pgbouncer and Redis
 * are in UTC, because the plan sets that.
 */
const FORMATS: readonly [pattern: RegExp, toIso: (time: string) => string][] = [
  [/"time":"([^"]+)"/, (time) => time],
  [/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)) /, (time) => time],
  [/^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*) (?:UTC|GMT)/, (time) => `${time.replace(' ', 'T')}Z`],
  [/^\d+:\w (\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}) /, (time) => `${time} UTC`],
];

function timeOf(line: string): number | undefined {
  for (const [pattern, toIso] of FORMATS) {
    const time = pattern.exec(line)?.[1];
    if (time !== undefined) return Date.parse(toIso(time)) || undefined;
  }
  return undefined;
}
