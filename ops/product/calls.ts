/** What was asked in one second of the clock. */
export interface Second {
  /** Seconds since the epoch. */
  readonly second: number;
  calls: number;
  refused: number;
}

/** Counts calls by whole seconds, and refuses those above the limit of a second. */
export interface CallCounter {
  /** False: this second is full. */
  admit(): boolean;
  /** The last seconds, oldest first, quiet ones too. */
  seconds(): Second[];
}

const KEPT_SECONDS = 300;

export function createCallCounter(nowMs: () => number, maxCallsPerSecond: number): CallCounter {
  const kept: Second[] = [];

  function current(): Second {
    const second = Math.floor(nowMs() / 1000);
    const newest = kept.at(-1);
    if (newest?.second === second) return newest;
    // A pause of hours need not be counted through.
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
