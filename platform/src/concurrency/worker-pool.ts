import { AppError } from '../errors/index.ts';

/** Bounds of a worker pool, over all its callers. */
export interface WorkerPoolLimits {
  /** Maximum number of items that are worked on at the same time. */
  readonly workers: number;
  /** Maximum number of items that wait. A call that does not fit is refused as a whole. */
  readonly maxQueued: number;
}

/** Options of one call of a worker pool. */
interface MapOptions {
  /** When this signal aborts, the call rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * A worker pool that all callers of a process share, bounded in the items that run and in the items that wait.
 *
 * It guarantees:
 * - Results are in the order of the items, in whatever order the work ends.
 * - At most `workers` items run at once, over all calls. An item counts until its work has ended, even when its call was
 *   rejected long before.
 * - Free workers take items from the waiting calls in turn (round robin), one item at a time, so a call of a thousand items
 *   does not starve a call of one item.
 * - The first error rejects its call at once. Items of this call that have not begun are dropped, the signal of those that
 *   run aborts, and their results and further errors are ignored.
 * - When the caller's signal aborts, the call ends in the same way.
 * - A call that does not fit into the queue is refused with AppError `resource-exhausted` before any of its items begins.
 *
 * Work must not wait for another call of the same pool: it keeps its worker meanwhile, and when all workers wait like this,
 * they wait forever.
 */
export interface WorkerPool {
  /** Runs `work` for each item. Its signal aborts when the call has failed or was cancelled. */
  map<T, R>(
    items: readonly T[],
    work: (item: T, index: number, signal: AbortSignal) => Promise<R>,
    options?: MapOptions,
  ): Promise<R[]>;
}

/**
 * Creates a worker pool. It holds nothing that must be closed.
 *
 * The pool has no locks. It relies on these guarantees of JavaScript, and each place below names the ones that it needs:
 * - Run to completion: a function runs on the only thread until it returns or awaits. No other code sees or changes `jobs`,
 *   `running` and `queued` in between.
 * - Promise reactions (`then`, `finally`, the code after an `await`) never run inside the call that settles the promise.
 *   They run later, from the microtask queue, one after another, in the order in which they were queued.
 * - A promise settles once. Later calls of `resolve` and `reject` do nothing.
 * - `AbortSignal` dispatches `abort` once, synchronously, and `aborted` is true before the first listener runs.
 */
export function createWorkerPool({ workers, maxQueued }: WorkerPoolLimits): WorkerPool {
  const scheduler = createScheduler(workers);
  return {
    // The check of the bound and `add` in `startCall` run without an `await` in between (run to completion), so callers that
    // arrive together cannot both take the last places.
    map(items, work, { signal } = {}) {
      if (signal?.aborted) return Promise.reject(toError(signal.reason));
      if (items.length === 0) return Promise.resolve([]);
      if (scheduler.load() + items.length > maxQueued + workers) return Promise.reject(poolFull(maxQueued));
      return startCall(scheduler, items, work, signal);
    },
  };
}

/** The items of one call that have not begun. */
interface Job {
  next: number;
  readonly size: number;
  /** Runs the work of one item. It never rejects. */
  readonly begin: (index: number) => Promise<void>;
}

interface Scheduler {
  /** Queues the items of a call, and starts as many as workers are free. */
  add(job: Job): void;
  /** Removes the items of a call that have not begun. */
  dropRest(job: Job): void;
  /** Returns the number of items that run or wait. */
  load(): number;
}

function createScheduler(workers: number): Scheduler {
  /** Calls with items that have not begun, in the order of their next turn. */
  const jobs: Job[] = [];
  let running = 0;
  let queued = 0;

  /**
   * Starts items while workers are free. The check of `running` and its increment need no lock because there is no `await`
   * between them (run to completion), so two callers cannot take the same worker.
   *
   * `begin` runs the work up to its first `await`, inside this loop. If the work calls `map` synchronously, that nested
   * `drain` is safe: the turn of this item is fully booked (index, `queued`, `jobs`, `running`) before `begin` is called,
   * and the loop reads its variables again afterwards.
   *
   * `begin` never rejects, so `finally` runs exactly once for each item and no rejection is left unhandled. It runs from the
   * microtask queue, never inside `begin`, so `running` is incremented before it is decremented, even for work that ends
   * without waiting.
   */
  function drain(): void {
    while (running < workers) {
      const job = jobs.shift();
      if (job === undefined) return;
      const index = job.next;
      job.next += 1;
      queued -= 1;
      if (job.next < job.size) jobs.push(job);
      running += 1;
      void job.begin(index).finally(() => {
        running -= 1;
        drain();
      });
    }
  }

  return {
    add(job) {
      queued += job.size;
      jobs.push(job);
      drain();
    },
    // Between turns a job is in `jobs` exactly when it has items that have not begun. `drain` restores this before it calls
    // foreign code (`begin`), and nothing else runs meanwhile (run to completion), so `indexOf` finds every such job.
    dropRest(job) {
      const at = jobs.indexOf(job);
      if (at === -1) return;
      jobs.splice(at, 1);
      queued -= job.size - job.next;
    },
    load: () => running + queued,
  };
}

/** Runs one call: queues its items, and settles its promise once. */
function startCall<T, R>(
  scheduler: Scheduler,
  items: readonly T[],
  work: (item: T, index: number, signal: AbortSignal) => Promise<R>,
  signal: AbortSignal | undefined,
): Promise<R[]> {
  const { promise, resolve, reject } = Promise.withResolvers<R[]>();
  const results = Array.from<R>({ length: items.length });
  const stop = new AbortController();
  let left = items.length;

  /**
   * Settles the call. Both callers make sure that it runs once: `fail` returns when the call has failed, and `begin` succeeds
   * only with the last item. Nothing runs between that check and this call (run to completion).
   */
  const settle = (finish: () => void) => {
    signal?.removeEventListener('abort', onAbort);
    finish();
  };

  /**
   * Fails the call with its first error. `stop.signal.aborted` is the flag of a failed call; it turns true inside `stop.abort`,
   * before the listeners of the work run. An error that a listener causes therefore finds the flag set. `dropRest` comes
   * first, because a listener may call `map` again and must not find items of this call in the queue.
   */
  const fail = (error: unknown) => {
    if (stop.signal.aborted) return;
    scheduler.dropRest(job);
    stop.abort(error);
    settle(() => reject(toError(error)));
  };

  /** Listens for the caller's signal. `settle` removes it, so it never runs after the call has settled. */
  const onAbort = () => fail(signal?.reason);

  /**
   * Runs the work of one item. An async function turns a synchronous throw of `work` into the `catch` below, so `begin` always
   * returns a promise, which always resolves.
   *
   * The code after `await` runs as one step: storing the result, counting down and settling cannot interleave with another
   * item of the call, so exactly one item sees `left === 0`, and by then all results are stored. Each item writes its own
   * index, which gives results in the order of the items.
   */
  const begin = async (index: number) => {
    try {
      results[index] = await work(items[index] as T, index, stop.signal);
      left -= 1;
      if (left === 0 && !stop.signal.aborted) settle(() => resolve(results));
    } catch (error) {
      fail(error);
    }
  };

  const job: Job = { next: 0, size: items.length, begin };
  signal?.addEventListener('abort', onAbort, { once: true });
  scheduler.add(job);
  return promise;
}

const toError = (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason)));

function poolFull(maxQueued: number): AppError {
  return new AppError('resource-exhausted', `the worker pool is full: at most ${maxQueued} items may wait`, {
    reason: 'POOL_FULL',
    retryAfterMs: 1000,
  });
}
