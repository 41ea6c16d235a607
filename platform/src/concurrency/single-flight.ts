/** A shared run, as its work sees it. */
export interface Flight {
  /** Aborts when no caller waits for the run any more, unless `preventCancel` was called. */
  readonly signal: AbortSignal;
  /** Lets the run end by itself even when nobody waits, because to cancel it now would cost more than to finish it. */
  readonly preventCancel: () => void;
  /** Undoes `preventCancel`. Cancels the run at once when nobody waits. */
  readonly allowCancel: () => void;
}

/** Runs work at most once at a time for each key. */
interface SingleFlight<K, V> {
  /**
   * Runs `work`, or joins the run of the same key that is in progress. When `signal` aborts, this call rejects with the
   * signal's reason, and other callers keep waiting. When the run fails, all callers that wait get its error, and the
   * next caller starts a new run.
   */
  run(key: K, work: (flight: Flight) => Promise<V>, signal?: AbortSignal): Promise<V>;
}

interface Run<V> {
  readonly result: Promise<V>;
  readonly cancel: AbortController;
  waiting: number;
  isCancellable: boolean;
}

/**
 * Creates a single flight: callers that want the same key at the same time share one run and its result. A run that is
 * cancelled because its last caller left is forgotten at once, so the next caller starts a new one.
 */
export function createSingleFlight<K, V>(): SingleFlight<K, V> {
  const runs = new Map<K, Run<V>>();

  function start(key: K, work: (flight: Flight) => Promise<V>): Run<V> {
    const cancel = new AbortController();
    const { promise, resolve } = Promise.withResolvers<V>();
    const run: Run<V> = { result: promise, cancel, waiting: 0, isCancellable: true };
    runs.set(key, run);
    const forget = () => {
      if (runs.get(key) === run) runs.delete(key);
    };
    const preventCancel = () => {
      run.isCancellable = false;
    };
    const allowCancel = () => {
      run.isCancellable = true;
      cancelIfAbandoned(key, run);
    };
    const begin = async () => work({ signal: cancel.signal, preventCancel, allowCancel });
    resolve(begin().finally(forget));
    // Without this, the failure of a run that nobody waits for would count as an unhandled rejection.
    promise.catch(() => {});
    return run;
  }

  function cancelIfAbandoned(key: K, run: Run<V>): void {
    if (run.waiting > 0 || !run.isCancellable || runs.get(key) !== run) return;
    runs.delete(key);
    run.cancel.abort();
  }

  return {
    async run(key, work, signal) {
      signal?.throwIfAborted();
      const run = runs.get(key) ?? start(key, work);
      run.waiting += 1;
      const left = Promise.withResolvers<never>();
      const onAbort = () => left.reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        return await Promise.race([run.result, left.promise]);
      } finally {
        signal?.removeEventListener('abort', onAbort);
        run.waiting -= 1;
        cancelIfAbandoned(key, run);
      }
    },
  };
}
