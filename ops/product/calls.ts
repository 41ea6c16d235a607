/** The calls of one second of the clock. */
export interface Second {
  /** Seconds since the epoch. */
  readonly second: number;
  calls: number;
  refused: number;
}

/** Counts calls in whole seconds of the clock and refuses those above the limit of a second. */
export interface CallCounter {
  /** Counts a call. Returns false if the limit of the current second is reached. */
  admit(): boolean;
  /** Returns the last 300 seconds, oldest first, including those without calls. */
  seconds(): Second[];
}

const KEPT_SECONDS = 300;

export function createCallCounter(nowMs: () => number, maxCallsPerSecond: number): CallCounter {
  const kept: Second[] = [];

  function current(): Second {
    const second = Math.floor(nowMs() / 1000);
    const newest = kept.at(-1);
    if (newest?.second === second) return newest;
    // After a long pause only the seconds that are kept are filled in.
    const from = Math.max(newest === undefined ? second : newest.second + 1, second - KEPT_SECONDS);
    for (let at = from; at <= second; at += 1) kept.push({ second: at, calls: 0, refused: 0 });
    if (kept.length > KEPT_SECONDS) kept.splice(0, kept.length - KEPT_SECONDS);
    return kept.at(-1) as Second;
  }

  return {
    admit() {
      const second = current();
      second.calls += 1;
      if (second.calls <= maxCallsPerSecond) return true;
      second.refused += 1;
      return false;
    },
    seconds() {
      current();
      return kept.map((second) => ({ ...second }));
    },
  };
}
