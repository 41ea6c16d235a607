import { type Clock, sleep } from './clock.ts';

/** Dependencies of `retry`. */
interface RetryDeps {
  readonly clock: Clock;
  /** Returns a number from 0 to 1. */
  readonly random: () => number;
  /** Shared by all calls to one destination. Without a budget, only `maxTries` bounds the retries. */
  readonly budget?: RetryBudget;
}

/** How often and how long to retry. */
export interface RetryOptions {
  /** Maximum number of attempts, the first one included. */
  readonly maxTries: number;
  /** Upper bound of the pause after the first attempt. It doubles with each attempt, up to `maxPauseMs`. */
  readonly firstPauseMs: number;
  readonly maxPauseMs: number;
  /** Returns whether a retry may succeed after this error. The work must be safe to repeat. */
  readonly isRetryable: (error: unknown) => boolean;
  /** Ends a pause. An attempt in progress must watch the signal by itself. */
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch. A pause that would end later is not begun. */
  readonly deadlineMs?: number;
}

/**
 * Runs `work` until it succeeds. Rejects with the last error when no retry is allowed or when it would not help, and
 * with the signal's reason when the signal aborts during a pause.
 *
 * The pauses are exponential backoff with full jitter: evenly random between 0 and the upper bound, so that callers
 * which failed together do not retry together (M. Brooker, "Exponential Backoff And Jitter", 2015).
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

/** Bounds the share of calls that are retried. Otherwise retries would multiply the load of a destination that is down. */
interface RetryBudget {
  /** Counts a first attempt. */
  noteCall(): void;
  /** Takes one retry from the budget. Returns false when none is left. */
  take(): boolean;
}

/** How a budget fills. */
interface RetryBudgetLimits {
  /** Number of calls that add one retry to the budget. */
  readonly callsPerRetry: number;
  /** Maximum number of retries in the budget. A new budget is full, for destinations that are seldom called. */
  readonly maxSavedRetries: number;
}

/** Creates a budget. Over any number of calls it allows at most `calls / callsPerRetry + maxSavedRetries` retries. */
export function createRetryBudget({ callsPerRetry, maxSavedRetries }: RetryBudgetLimits): RetryBudget {
  // The balance is counted in calls, because whole numbers stay exact.
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
