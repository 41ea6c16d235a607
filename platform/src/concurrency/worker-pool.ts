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
  /** When it aborts, the call rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * A worker pool that all callers of a process share, bounded in the items that run and in the items that wait.
 *
 * It guarantees:
 * - Results are in the order of the items, in whatever order the work ends.
 * - At most `workers` items run at once, over all calls. An item counts until its work has ended, even when its call
 *   was rejected long before.
 * - Free workers take items from the waiting calls in turn (round robin), one item at a time, so a call of a thousand
 *   items does not starve a call of one item.
 * - The first error rejects its call at once. Items of this call that have not begun are dropped, the signal of those
 *   that run aborts, and their results and further errors are ignored.
 * - When the caller's signal aborts, the call ends in the same way, with the signal's reason.
 * - A call that does not fit into the queue is refused with AppError `resource-exhausted` before any of its items
 *   begins.
 *
 * Work must not wait for another call of the same pool. It would keep its worker meanwhile, and once all workers wait
 * like this, they wait forever.
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
 * The pool has no locks. It relies on four guarantees of JavaScript, and each place below names those that it needs:
 * - Run to completion: a function runs on the only thread until it returns or awaits. Until then, no other code reads
 *   or changes the state of the pool.
 * - Late reactions: promise reactions (`then`, the code after an `await`) never run inside the call that settles the
 *   promise. They run later, one after another.
 * - Settled once: a promise settles once. Later calls of its `resolve` and `reject` do nothing.
 * - Aborted once: `abort` calls the listeners of a signal once, before it returns. `aborted` is true before the first
 *   of them runs.
 */
export function createWorkerPool({ workers, maxQueued }: WorkerPoolLimits): WorkerPool {
  const scheduler = createScheduler(workers);
  return {
    // Run to completion: from the check of the bound to `add` in `startCall` there is no `await`, so callers that
    // arrive together cannot both take the last places.
    map(items, work, { signal } = {}) {
      if (signal?.aborted) return Promise.reject(toError(signal.reason));
      if (items.length === 0) return Promise.resolve([]);
      if (scheduler.load() + items.length > maxQueued + workers) return Promise.reject(poolFull(maxQueued));
      return startCall(scheduler, items, work, signal);
    },
  };
}

/** The items of one call, as the scheduler sees them. Those from `next` on have not begun. */
interface Job {
  next: number;
  readonly size: number;
  /** Runs the work of one item. Resolves with a function that tells the call the outcome, and never rejects. */
  readonly run: (index: number) => Promise<() => void>;
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
   * Starts items while workers are free.
   *
   * Run to completion: there is no `await` between the check of `running` and its increment, so no worker is taken
   * twice. `job.run` runs the work up to its first `await`. That work may call `map`, which calls `drain` inside this
   * `drain`. By then the item has been counted, and afterwards the loop reads `running` and `jobs` again.
   *
   * Late reactions: `end` never runs inside `job.run`, so an item is counted before it ends, even if its work never
   * waits.
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
      void job.run(index).then(end);
    }
  }

  /**
   * Frees the worker of an item, tells the call of the item its outcome, and starts other items. It runs once for each
   * item, because `job.run` always resolves.
   *
   * Run to completion: this is one step. A call that fails drops its waiting items before `drain` can start them.
   *
   * Late reactions: when this settles a call, the caller continues after this step. The last item of its call no longer
   * counts then, so another call of the same size fits.
   */
  function end(tellOutcome: () => void): void {
    running -= 1;
    tellOutcome();
    drain();
  }

  return {
    add(job) {
      queued += job.size;
      jobs.push(job);
      drain();
    },
    // Run to completion: `drain` puts a job with items left back into `jobs` before it runs any work. Whenever this
    // function is called, every such job is therefore in `jobs`.
    dropRest(job) {
      const place = jobs.indexOf(job);
      if (place === -1) return;
      jobs.splice(place, 1);
      queued -= job.size - job.next;
    },
    load: () => running + queued,
  };
}

/** Starts one call: queues its items, and returns a promise that settles when all have ended or one has failed. */
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
   * Stores the result of an item in its place, and resolves the call with the last one.
   *
   * Run to completion: storing and counting down are one step, so exactly one item sees that none is left, and all
   * results are stored by then.
   *
   * Settled once: items that succeed after the call was cancelled may also count down to 0. The call is rejected
   * already, so `resolve` does nothing.
   */
  const succeed = (index: number, result: R) => {
    results[index] = result;
    left -= 1;
    if (left > 0) return;
    signal?.removeEventListener('abort', onAbort);
    resolve(results);
  };

  /**
   * Rejects the call with its first error, drops its items that have not begun, and aborts the signal of those that
   * run.
   *
   * Aborted once: `stop.signal.aborted` says whether the call has failed. It is true before a listener of the work
   * runs, so an error that a listener causes is not the first one. The waiting items are dropped before the abort,
   * because a listener may call `map`, and the new items need the places of the dropped ones in the queue.
   */
  const fail = (error: unknown) => {
    if (stop.signal.aborted) return;
    scheduler.dropRest(job);
    stop.abort(error);
    signal?.removeEventListener('abort', onAbort);
    reject(toError(error));
  };

  /** Fails the call when the caller's signal aborts. It is removed from the signal when the call settles. */
  const onAbort = () => fail(signal?.reason);

  /** Runs the work of one item. An error that `work` throws before it returns a promise is caught as well. */
  const run = async (index: number): Promise<() => void> => {
    try {
      const result = await work(items[index] as T, index, stop.signal);
      return () => succeed(index, result);
    } catch (error) {
      return () => fail(error);
    }
  };

  const job: Job = { next: 0, size: items.length, run };
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
