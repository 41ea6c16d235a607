/** Maximum number of events in one call of a handler, when the subscriber sets none. */
export const DEFAULT_MAX_BATCH_EVENTS = 200;

/** Maximum duration of one call of a handler, when the subscriber sets none. */
export const DEFAULT_HANDLER_LIMIT_MS = 60_000;

/** Maximum size of an event's value. */
export const MAX_VALUE_BYTES = 1024 * 1024;

const MIN_RETRY_PAUSE_MS = 100;
const MAX_RETRY_PAUSE_MS = 5_000;
// Bounds the power of two, not the pause.
const MAX_DOUBLINGS = 10;

/**
 * Returns the pause before a failed handler is called again. It doubles with each failure in a row, from 100 ms to 5 s,
 * and is shortened at random by up to a half, so that partitions that failed together are retried apart.
 */
export function retryPauseMs(failures: number, random: () => number): number {
  const doubled = MIN_RETRY_PAUSE_MS * 2 ** Math.min(MAX_DOUBLINGS, failures - 1);
  return Math.min(MAX_RETRY_PAUSE_MS, doubled) * (0.5 + random() / 2);
}
