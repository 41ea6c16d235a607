import { type Clock, sleep } from './clock.ts';

export interface RetryDeps {
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Shared by all calls to one place. Without one, only `maxTries` bounds the retries. */
  readonly budget?: RetryBudget;
}

export interface RetryOptions {
  /** In all, the first one included. */
  readonly maxTries: number;
  /** The longest pause behind the first try; it doubles from try to try, up to `maxPauseMs`. */
  readonly firstPauseMs: number;
  readonly maxPauseMs: number;
  /** Which failures another try may mend. What is tried must bear being done twice. */
  readonly isRetryable: (error: unknown) => boolean;
  /** Ends a pause. A try in progress is the work's own to end. */
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch: a pause that would end past it is not begun. */
  readonly deadlineMs?: number;
}

/**
 * Runs `work` until it succeeds, and rejects with its last error when another try is not allowed or would not help.
 *
 * Pauses are exponential backoff with full jitter: evenly random from 0 to the longest pause, so that callers that failed
 * together do not come back together (M. Brooker, "Exponential Backoff And Jitter", 2015).
 */
export async function retry<T>(
  { clock, random, budget }: RetryDeps,
  { maxTries, firstPauseMs, maxPauseMs, isRetryable, signal, deadlineMs = Number.POSITIVE_INFINITY }: RetryOptions,
  work: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  budget?.noteCall();
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries >= maxTries || signal?.aborted || !isRetryable(error)) throw error;
      const pauseMs = random() * Math.min(maxPauseMs, firstPauseMs * 2 ** (tries - 1));
      if (clock.nowMs() + pauseMs > deadlineMs || budget?.take() === false) throw error;
      await sleep(clock, pauseMs, signal);
    }
  }
}

/** Keeps retries to a share of the calls: without one, a place that is down is asked several times as often. */
export interface RetryBudget {
  noteCall(): void;
  /** True: one retry may be made. */
  take(): boolean;
}

export interface RetryBudgetLimits {
  /** So many calls earn one retry. */
  readonly callsPerRetry: number;
  /** Retries that may be saved up; there are as many at the start, for places that are seldom called. */
  readonly maxSavedRetries: number;
}

/** In any stretch of time at most `calls / callsPerRetry + maxSavedRetries` retries. */
export function createRetryBudget({ callsPerRetry, maxSavedRetries }: RetryBudgetLimits): RetryBudget {
  // Counted in calls: whole numbers stay exact.
  const maxSaved = maxSavedRetries * callsPerRetry;
  let saved = maxSaved;
  return {
    noteCall() {
      saved = Math.min(maxSaved, saved + 1);
    },
    take() {
      if (saved < callsPerRetry) return false;
      saved -= callsPerRetry;
      return true;
    },
  };
}
