/** How long one caller waits for a token. */
export interface TakeOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch. A caller that would have to wait longer is refused at once. */
  readonly deadlineMs?: number;
}

/** A caller that waits for its turn. It is taken out of its queue before `go` or `refuse` is called. */
export interface Waiter {
  readonly deadlineMs: number;
  readonly go: () => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Appends a caller to `waiting`. The promise settles when the waiter goes or is refused. When the signal aborts first,
 * the caller is removed, `onLeave` is called, and the promise rejects with the signal's reason.
 */
export function appendWaiter(
  waiting: Waiter[],
  { signal, deadlineMs = Number.POSITIVE_INFINITY }: TakeOptions,
  onLeave: () => void = () => {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      waiting.splice(waiting.indexOf(waiter), 1);
      onLeave();
      reject(signal?.reason);
    };
    const settle = (end: () => void) => {
      signal?.removeEventListener('abort', leave);
      end();
    };
    const waiter: Waiter = {
      deadlineMs,
      go: () => settle(resolve),
      refuse: (error) => settle(() => reject(error)),
    };
    signal?.addEventListener('abort', leave, { once: true });
    waiting.push(waiter);
  });
}
