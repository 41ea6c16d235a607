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
  /** When another try has a chance. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super(`over the limit: try again in ${Math.ceil(retryAfterMs)} ms`);
    this.retryAfterMs = retryAfterMs;
  }
}

export interface TokenBucketLimits {
  readonly ratePerSecond: number;
  /** How many may go at once after a rest. */
  readonly burst: number;
  readonly maxWaiting: number;
}

interface Waiter {
  readonly go: () => void;
}

/**
 * A token bucket in this process: the virtual scheduling form of the generic cell rate algorithm (ITU-T I.371), with a
 * queue. With a burst of 1 two turns are never closer than 1 / rate.
 */
export function createTokenBucket(clock: Clock, { ratePerSecond, burst, maxWaiting }: TokenBucketLimits): TokenBucket {
  const intervalMs = 1000 / ratePerSecond;
  const toleranceMs = (burst - 1) * intervalMs;
  const waiting: Waiter[] = [];
  /** When the next token arrives, were none left over. */
  let arrivalMs = Number.NEGATIVE_INFINITY;
  let cancelTimer: (() => void) | undefined;

  const dueMs = (place: number) => arrivalMs - toleranceMs + place * intervalMs;

  function serve(): void {
    cancelTimer = undefined;
    while (waiting.length > 0 && dueMs(0) <= clock.nowMs()) {
      arrivalMs = Math.max(arrivalMs, clock.nowMs()) + intervalMs;
      waiting.shift()?.go();
    }
    if (waiting.length > 0) cancelTimer ??= clock.schedule(Math.max(0, dueMs(0) - clock.nowMs()), serve);
  }

  return {
    take({ signal, deadlineMs } = {}) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      const turnMs = Math.max(clock.nowMs(), dueMs(waiting.length));
      const waitMs = turnMs - clock.nowMs();
      if (waiting.length >= maxWaiting || (deadlineMs !== undefined && turnMs > deadlineMs)) {
        return Promise.reject(new LimitError(waitMs + intervalMs));
      }
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          if (waiting.length === 0) {
            cancelTimer?.();
            cancelTimer = undefined;
          }
          reject(signal?.reason);
        };
        const waiter: Waiter = {
          go: () => {
            signal?.removeEventListener('abort', leave);
            resolve();
          },
        };
        signal?.addEventListener('abort', leave, { once: true });
        waiting.push(waiter);
        if (cancelTimer === undefined) serve();
      });
    },
  };
}
