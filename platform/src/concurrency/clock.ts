/** Time as a dependency, so that a test or a simulation can control it. */
export interface Clock {
  /** Returns the milliseconds since the epoch. The system clock may be set, also back. */
  nowMs(): number;
  /** Returns the milliseconds since some fixed moment. Nobody sets this clock; it may stop while the machine sleeps. */
  monotonicMs(): number;
  /** Runs `work` once, after `delayMs`. Returns a function that cancels it; after the run, that function does nothing. */
  schedule(delayMs: number, work: () => void): () => void;
}

/** The clock of the operating system. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Starts to measure time. The returned function gives the milliseconds since then, by the clock that shows more of the two,
 * because one may be set back and the other may stand still.
 */
export function startAge(clock: Pick<Clock, 'nowMs' | 'monotonicMs'>): () => number {
  const [startedMs, monotonicMs] = [clock.nowMs(), clock.monotonicMs()];
  return () => Math.max(clock.nowMs() - startedMs, clock.monotonicMs() - monotonicMs);
}

/** Waits `delayMs`. Rejects with the signal's reason as soon as the signal aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
