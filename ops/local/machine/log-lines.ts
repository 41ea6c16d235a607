export interface LogLines {
  readonly name: string;
  readonly lines: readonly string[];
}

export interface NamedLine {
  readonly name: string;
  readonly line: string;
}

/** Brings the lines of several logs in the order of their time. A line without one stays behind the line before it. */
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
 * Our own lines are JSON with a `time`, PostgreSQL's begin with a date and end it with UTC, Kafka's with a whole moment,
 * Redis' with its pid.
 */
function timeOf(line: string): number | undefined {
  const ofRedis = /^\d+:\w (\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}) /.exec(line)?.[1];
  if (ofRedis !== undefined) return Date.parse(`${ofRedis} UTC`) || undefined;
  const written =
    /"time":"([^"]+)"/.exec(line)?.[1] ??
    /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*) (?:UTC|GMT)/.exec(line)?.[1] ??
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)) /.exec(line)?.[1];
  if (written === undefined) return undefined;
  const timeMs = Date.parse(written.includes('T') ? written : `${written.replace(' ', 'T')}Z`);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
