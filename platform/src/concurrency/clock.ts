/** Time as a dependency, so that a test or a simulation can control it. */
export interface Clock {
  /** Returns the milliseconds since the epoch. Somebody may set this clock forward or back. */
  nowMs(): number;
  /** Returns the milliseconds since some fixed moment. Nobody sets this clock; it may stop while the machine sleeps. */
  monotonicMs(): number;
  /** Runs `work` once, after `delayMs`. Returns a function that cancels the run, unless it has begun already. */
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
 * Starts to measure time. The returned function gives the milliseconds since then. It measures with both clocks and
 * gives the larger number, because `nowMs` may be set back and `monotonicMs` may stand still.
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
