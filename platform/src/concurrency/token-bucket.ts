import type { Clock } from './clock.ts';

export interface TakeOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch: whoever would have to wait longer is refused at once. */
  readonly deadlineMs?: number;
}

/** Limits how often something is done. */
export interface TokenBucket {
  /**
   * Resolves when its turn has come, first come, first served. Rejects with LimitError when the turn would come past the
   * deadline or too many wait already, and with the signal's reason when that aborts; neither takes a turn from others.
   */
  take(options?: TakeOptions): Promise<void>;
}

/** Too many want the same: nothing was done. */
export class LimitError extends Error {
  override readonly name = 'LimitError';
  /** How far away a turn is now. */
  readonly waitMs: number;

  constructor(waitMs: number) {
    super(`over the limit: the next free turn is ${Math.ceil(waitMs)} ms away`);
    this.waitMs = waitMs;
  }
}

export interface TokenBucketLimits {
  readonly ratePerSecond: number;
  /** How many may go at once after a rest. */
  readonly burst: number;
  /** Callers whose turn has not come; the next one is refused. */
  readonly maxWaiting: number;
}

interface Waiter {
  readonly deadlineMs: number;
  readonly go: () => void;
  readonly refuse: () => void;
}

/**
 * A token bucket in this process: the virtual scheduling form of the generic cell rate algorithm (ITU-T I.371), with a
 * queue.
 *
 * Turns have places in time, an interval of 1 / rate apart. A timer that fires late delays its own turn but, up to a
 * quarter of the interval, no later one: else a busy process would give out less than its rate. So with a burst of 1 any
 * window of a second, wherever it begins, has at most rate + 1 turns, and callers that wait get the rate.
 */
export function createTokenBucket(clock: Clock, { ratePerSecond, burst, maxWaiting }: TokenBucketLimits): TokenBucket {
  const intervalMs = 1000 / ratePerSecond;
  const toleranceMs = (burst - 1) * intervalMs;
  const latenessMs = intervalMs / 4;
  const waiting: Waiter[] = [];
  /** When the bucket would be full again, had nobody come since. */
  let fullMs = Number.NEGATIVE_INFINITY;
  let cancelTimer: (() => void) | undefined;

  const dueMs = (place: number) => fullMs - toleranceMs + place * intervalMs;

  /** The clock may be set back: nobody waits longer for that. */
  function now(): number {
    const nowMs = clock.nowMs();
    fullMs = Math.min(fullMs, nowMs + burst * intervalMs);
    return nowMs;
  }

  function serve(): void {
    cancelTimer = undefined;
    const nowMs = now();
    for (let first = waiting[0]; first !== undefined && dueMs(0) <= nowMs; first = waiting[0]) {
      waiting.shift();
      // Turns that came late have moved those behind them.
      if (first.deadlineMs < nowMs) {
        first.refuse();
        continue;
      }
      fullMs = Math.max(fullMs, nowMs - latenessMs) + intervalMs;
      first.go();
    }
    if (waiting.length > 0) cancelTimer = clock.schedule(Math.max(0, dueMs(0) - nowMs), serve);
  }

  function drop(waiter: Waiter): void {
    waiting.splice(waiting.indexOf(waiter), 1);
    if (waiting.length > 0) return;
    cancelTimer?.();
    cancelTimer = undefined;
  }

  return {
    take({ signal, deadlineMs = Number.POSITIVE_INFINITY } = {}) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      const nowMs = now();
      if (waiting.length === 0) fullMs = Math.max(fullMs, nowMs);
      const waitMs = Math.max(0, dueMs(waiting.length) - nowMs);
      if (nowMs + waitMs > deadlineMs || (waitMs > 0 && waiting.length >= maxWaiting)) {
        return Promise.reject(new LimitError(waitMs));
      }
      return new Promise((resolve, reject) => {
        const leave = () => {
          drop(waiter);
          reject(signal?.reason);
        };
        const settle = (end: () => void) => () => {
          signal?.removeEventListener('abort', leave);
          end();
        };
        const refuse = () => reject(new LimitError(intervalMs));
        const waiter: Waiter = { deadlineMs, go: settle(resolve), refuse: settle(refuse) };
        signal?.addEventListener('abort', leave, { once: true });
        waiting.push(waiter);
        if (cancelTimer === undefined) serve();
      });
    },
  };
}
