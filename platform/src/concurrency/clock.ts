/** Time as a dependency, so that a test or a simulation can drive it. */
export interface Clock {
  /** Milliseconds since the epoch. May be set, also back. */
  nowMs(): number;
  /** Milliseconds since some moment. Is never set, and may stand still while the machine sleeps. */
  monotonicMs(): number;
  /** Runs `work` once, `delayMs` from now. Returns what cancels it; cancelling after the run is fine. */
  schedule(delayMs: number, work: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Returns what says how long ago this was, in ms: by the clock that says more, so that none makes it younger than it is. */
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
