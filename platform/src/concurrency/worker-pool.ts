import { AppError } from '../errors/index.ts';

export interface WorkerPoolLimits {
  /** Pieces of work that run at the same time, over all callers. */
  readonly workers: number;
  /** Pieces of work that may wait, over all callers; a call that would pass it is refused whole. */
  readonly maxQueued: number;
}

export interface MapOptions {
  /** The caller's patience: when it aborts, the call rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * A worker pool, shared by all callers of a process and bounded in both directions.
 *
 * What it guarantees, and why:
 * - Results come in the order of the items, whatever order the work ends in: the caller need not sort.
 * - At most `workers` pieces run at once, over all calls: what they call sees a bound, however many callers there are. A
 *   piece counts until it has ended, also when its call was rejected long before.
 * - Free workers go round the calls, one item each: an item waits for at most one item of each other call, so a call of a
 *   thousand items does not starve a call of one. In order of arrival it would.
 * - The first error rejects the call at once. Its items that have not begun never do; those that run see their signal
 *   abort, and what they still return or throw is nobody's concern.
 * - The caller's signal does the same. A caller that gave up costs no further work.
 * - A call that does not fit into the queue is refused before anything of it runs, as `resource-exhausted`.
 *
 * What it does not: work that waits for another call of the same pool holds its worker meanwhile, and enough of it would
 * wait for ever.
 */
export interface WorkerPool {
  map<T, R>(
    items: readonly T[],
    work: (item: T, index: number, signal: AbortSignal) => Promise<R>,
    options?: MapOptions,
  ): Promise<R[]>;
  /** Pieces of work that have begun and not ended. */
  readonly running: number;
  /** Pieces of work that have not begun. */
  readonly queued: number;
}

/** One call's items that have not begun. */
interface Job {
  next: number;
  readonly size: number;
  readonly begin: (index: number) => Promise<void>;
}

/** A pool for as long as somebody uses it; it holds nothing that needs closing. */
export function createWorkerPool({ workers, maxQueued }: WorkerPoolLimits): WorkerPool {
  /** Calls with items left, in the order of their next turn. */
  const jobs: Job[] = [];
  let running = 0;
  let queued = 0;

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

  function dropRest(job: Job): void {
    const at = jobs.indexOf(job);
    if (at === -1) return;
    jobs.splice(at, 1);
    queued -= job.size - job.next;
  }

  return {
    get running() {
      return running;
    },
    get queued() {
      return queued;
    },
    map(items, work, { signal } = {}) {
      if (signal?.aborted) return Promise.reject(toError(signal.reason));
      if (items.length === 0) return Promise.resolve([]);
      if (queued + items.length > maxQueued + workers - running) return Promise.reject(poolFull(maxQueued));
      const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof work>>[]>();
      const results = Array.from<Awaited<ReturnType<typeof work>>>({ length: items.length });
      const stop = new AbortController();
      let left = items.length;

      const settle = (finish: () => void) => {
        signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const fail = (error: unknown) => {
        if (stop.signal.aborted) return;
        dropRest(job);
        stop.abort(error);
        settle(() => reject(toError(error)));
      };
      const onAbort = () => fail(signal?.reason);
      const begin = async (index: number) => {
        try {
          results[index] = await work(items[index] as (typeof items)[number], index, stop.signal);
          left -= 1;
          if (left === 0 && !stop.signal.aborted) settle(() => resolve(results));
        } catch (error) {
          fail(error);
        }
      };
      const job: Job = { next: 0, size: items.length, begin };
      signal?.addEventListener('abort', onAbort, { once: true });
      queued += items.length;
      jobs.push(job);
      drain();
      return promise;
    },
  };
}

const toError = (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason)));

function poolFull(maxQueued: number): AppError {
  return new AppError('resource-exhausted', `more than ${maxQueued} pieces of work would wait: try again soon`, {
    reason: 'POOL_FULL',
    retryAfterMs: 1000,
  });
}
