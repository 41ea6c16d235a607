/** Maximum number of events in one call of a handler, when the subscriber sets none. */
export const DEFAULT_MAX_BATCH_EVENTS = 200;

/** Maximum duration of one call of a handler, when the subscriber sets none. */
export const DEFAULT_HANDLER_LIMIT_MS = 60_000;

/** Maximum size of an event's value. */
export const MAX_VALUE_BYTES = 1024 * 1024;

const MIN_RETRY_PAUSE_MS = 100;
const MAX_RETRY_PAUSE_MS = 5_000;

/**
 * Returns the pause before a failed handler is called again: `backoffMs` with 100 ms after the first failure in a row,
 * and at most 5 s.
 */
export function retryPauseMs(failures: number, random: () => number): number {
  return backoffMs(failures, MIN_RETRY_PAUSE_MS, MAX_RETRY_PAUSE_MS, random);
}

// Keeps the power of two finite. The pause has its own limit.
const MAX_DOUBLINGS = 10;

/**
 * Returns an exponential backoff: `minMs` after the first failure in a row, then twice as long after each, up to
 * `maxMs`. It is shortened at random by up to a half, so that what failed together is not retried together.
 */
export function backoffMs(failures: number, minMs: number, maxMs: number, random: () => number): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(MAX_DOUBLINGS, failures - 1)) * (0.5 + random() / 2);
}
