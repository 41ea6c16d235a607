import type { Clock } from './clock.ts';
import { type TakeOptions, type Waiter, appendWaiter } from './waiter.ts';

/** Limits how often something may be done. */
export interface TokenBucket {
  /**
   * Resolves when the caller may go, first come, first served. Rejects with LimitError when that would be after the
   * deadline or when too many callers wait, and with the signal's reason when the signal aborts. A caller that is
   * rejected takes no token.
   */
  take(options?: TakeOptions): Promise<void>;
}

/** The limit is reached. Nothing was done. */
export class LimitError extends Error {
  override readonly name = 'LimitError';
  /** Milliseconds until a token could be taken. */
  readonly waitMs: number;

  constructor(waitMs: number) {
    super(`the rate limit is reached: the next token is ${Math.ceil(waitMs)} ms away`);
    this.waitMs = waitMs;
  }
}

/** Bounds of a token bucket. */
interface TokenBucketLimits {
  readonly ratePerSecond: number;
  /** Maximum number of tokens that can be taken at once after a pause. */
  readonly burst: number;
  /** Maximum number of callers that wait. Further callers are refused. */
  readonly maxWaiting: number;
}

/**
 * Creates a token bucket for this process: the virtual scheduling form of the generic cell rate algorithm (ITU-T
 * I.371), with a queue.
 *
 * Tokens are due at points in time that are an interval of 1 / rate apart. A timer that fires late delays its own
 * token. If it is late by at most a quarter of the interval, it does not delay the following tokens, because a busy
 * process would otherwise hand out less than its rate. If it is later, the excess delays them too. With a burst of 1,
 * any window of one second therefore has at most rate + 1 tokens, and waiting callers get the full rate.
 */
export function createTokenBucket(clock: Clock, { ratePerSecond, burst, maxWaiting }: TokenBucketLimits): TokenBucket {
  const intervalMs = 1000 / ratePerSecond;
  const toleranceMs = (burst - 1) * intervalMs;
  const latenessMs = intervalMs / 4;
  const waiting: Waiter[] = [];
  /** Time at which the bucket is full again if no more tokens are taken. */
  let fullMs = Number.NEGATIVE_INFINITY;
  let cancelTimer: (() => void) | undefined;

  /** Returns the time at which the caller at this place of the queue gets its token. The first place is 0. */
  const dueMs = (place: number) => fullMs - toleranceMs + place * intervalMs;

  /** Reads the clock. If it was set back, moves the due times back too, so that nobody waits longer because of it. */
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
      // Tokens that came late may have delayed this one past the caller's deadline.
      if (first.deadlineMs < nowMs) {
        first.refuse(new LimitError(intervalMs));
        continue;
      }
      fullMs = Math.max(fullMs, nowMs - latenessMs) + intervalMs;
      first.go();
    }
    if (waiting.length > 0) cancelTimer = clock.schedule(Math.max(0, dueMs(0) - nowMs), serve);
  }

  function onLeave(): void {
    if (waiting.length > 0) return;
    cancelTimer?.();
    cancelTimer = undefined;
  }

  return {
    take(options = {}) {
      const { signal, deadlineMs = Number.POSITIVE_INFINITY } = options;
      if (signal?.aborted) return Promise.reject(signal.reason);
      const nowMs = now();
      if (waiting.length === 0) fullMs = Math.max(fullMs, nowMs);
      const waitMs = Math.max(0, dueMs(waiting.length) - nowMs);
      if (nowMs + waitMs > deadlineMs || (waitMs > 0 && waiting.length >= maxWaiting)) {
        return Promise.reject(new LimitError(waitMs));
      }
      const turn = appendWaiter(waiting, options, onLeave);
      if (cancelTimer === undefined) serve();
      return turn;
    },
  };
}
