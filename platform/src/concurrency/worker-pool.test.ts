import { describe, expect, test } from 'bun:test';

import { AppError } from '../errors/index.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { range } from '../testing/range.ts';
import { sleep } from './clock.ts';
import { createRandom } from './random.ts';
import { type WorkerPool, type WorkerPoolLimits, createWorkerPool } from './worker-pool.ts';

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Fails unless the pool is empty: then a call of `workers + maxQueued` items fits, and no further item does. */
async function expectIdle(pool: WorkerPool, { workers, maxQueued }: WorkerPoolLimits): Promise<void> {
  const results = pool.map(range(workers + maxQueued), async (n) => n);
  const tooMany = failureOf(pool.map([0], async () => 0));
  expect(await results).toEqual(range(workers + maxQueued));
  expect(await tooMany).toBeInstanceOf(AppError);
}

test('results come in the order of the items, whatever order the work ends in', async () => {
  const clock = createFakeClock();
  const pool = createWorkerPool({ workers: 3, maxQueued: 100 });
  const ended: number[] = [];
  const results = pool.map([50, 10, 30, 20], async (ms, i) => {
    await sleep(clock, ms);
    ended.push(i);
    return ms * 2;
  });
  await clock.advance(1000);
  expect(await results).toEqual([100, 20, 60, 40]);
  expect(ended).not.toEqual([0, 1, 2, 3]);
});

test('at most as many items run at once as there are workers, over all calls', async () => {
  for (const seed of range(50)) {
    const random = createRandom(seed);
    const clock = createFakeClock();
    const workers = 1 + Math.floor(random() * 5);
    const pool = createWorkerPool({ workers, maxQueued: 1000 });
    let running = 0;
    let most = 0;
    const calls = range(6).map(async (call) => {
      await sleep(clock, random() * 20);
      return pool.map(range(Math.floor(random() * 12)), async (n) => {
        running += 1;
        most = Math.max(most, running);
        await sleep(clock, random() * 10);
        running -= 1;
        return call * 100 + n;
      });
    });
    await clock.advance(10_000);
    for (const [call, results] of (await Promise.all(calls)).entries()) {
      expect(results).toEqual(range(results.length).map((n) => call * 100 + n));
    }
    expect(most).toBeLessThanOrEqual(workers);
    await expectIdle(pool, { workers, maxQueued: 1000 });
  }
});

test('no item begins after its call has settled, when work fails and callers leave at random', async () => {
  for (const seed of range(100)) {
    const random = createRandom(seed);
    const clock = createFakeClock();
    const workers = 1 + Math.floor(random() * 4);
    const pool = createWorkerPool({ workers, maxQueued: 30 });
    let running = 0;
    const calls = range(12).map(async (call) => {
      await sleep(clock, random() * 50);
      const caller = new AbortController();
      if (random() < 0.3) clock.schedule(random() * 40, () => caller.abort(new Error(`${call} left`)));
      let isOver = false;
      const work = async (n: number, _: number, signal: AbortSignal) => {
        expect([isOver, signal.aborted]).toEqual([false, false]);
        running += 1;
        expect(running).toBeLessThanOrEqual(workers);
        // Some of the work heeds its signal, some does not.
        const pause = sleep(clock, random() * 10, random() < 0.5 ? signal : undefined);
        await pause.finally(() => (running -= 1));
        if (random() < 0.05) throw new Error(`${call} failed`);
        return n;
      };
      const size = Math.floor(random() * 15);
      const outcome = pool.map(range(size), work, { signal: caller.signal }).finally(() => (isOver = true));
      const error = await failureOf(outcome);
      if (error === undefined) expect(await outcome).toEqual(range(size));
      else if (error instanceof AppError) expect(error.reason).toBe('POOL_FULL');
      else expect([new Error(`${call} left`), new Error(`${call} failed`)]).toContainEqual(error as Error);
    });
    await clock.advance(10_000);
    await Promise.all(calls);
    expect(running).toBe(0);
    await expectIdle(pool, { workers, maxQueued: 30 });
  }
});

test('free workers take items from the waiting calls in turn', async () => {
  const pool = createWorkerPool({ workers: 2, maxQueued: 1000 });
  const clock = createFakeClock();
  const turns: string[] = [];
  const call = (name: string, size: number) =>
    pool.map(range(size), async () => {
      turns.push(name);
      await sleep(clock, 10);
    });
  const all = [call('a', 8), call('b', 8), call('c', 3)];
  await clock.advance(1000);
  await Promise.all(all);
  for (const name of ['a', 'b', 'c']) expect(turns.slice(2, 11).filter((turn) => turn === name)).toHaveLength(3);
});

test('no listener stays on a signal that outlives its calls', async () => {
  const clock = createFakeClock();
  const pool = createWorkerPool({ workers: 2, maxQueued: 10 });
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...args);
  };
  const done = pool.map(range(4), () => sleep(clock, 10), { signal });
  const failed = failureOf(pool.map(range(4), () => Promise.reject(new Error('no')), { signal }));
  expect(listeners).toBe(2);
  await clock.advance(100);
  await Promise.all([done, failed]);
  expect(listeners).toBe(0);
});

test('a large call does not starve a small one', async () => {
  const clock = createFakeClock();
  const pool = createWorkerPool({ workers: 2, maxQueued: 2000 });
  const work = () => sleep(clock, 10);
  const large = pool.map(range(1000), work);
  let isSmallDone = false;
  const small = pool.map([1], work).then(() => (isSmallDone = true));
  await clock.advance(40);
  expect(isSmallDone).toBe(true);
  await clock.advance(10_000);
  await Promise.all([large, small]);
});

describe('the first error', () => {
  test('rejects the call at once, drops its waiting items, and aborts the signal of those that run', async () => {
    const clock = createFakeClock();
    const pool = createWorkerPool({ workers: 2, maxQueued: 100 });
    const begun: number[] = [];
    const aborted: number[] = [];
    const failed = failureOf(
      pool.map(range(10), async (n, _, signal) => {
        begun.push(n);
        signal.addEventListener('abort', () => aborted.push(n));
        await sleep(clock, n === 1 ? 5 : 50);
        throw new Error(`number ${n}`);
      }),
    );
    await clock.advance(5);
    expect(await failed).toEqual(new Error('number 1'));
    expect([begun, aborted]).toEqual([
      [0, 1],
      [0, 1],
    ]);
    await clock.advance(100);
    expect(begun).toEqual([0, 1]);
    await expectIdle(pool, { workers: 2, maxQueued: 100 });
  });

  test('frees the workers for other calls', async () => {
    const pool = createWorkerPool({ workers: 1, maxQueued: 100 });
    const failed = failureOf(pool.map(range(5), () => Promise.reject(new Error('no'))));
    const other = pool.map([1, 2], async (n) => n);
    expect(await failed).toEqual(new Error('no'));
    expect(await other).toEqual([1, 2]);
  });
});

describe("the caller's signal", () => {
  test('rejects the call and drops its waiting items', async () => {
    const clock = createFakeClock();
    const pool = createWorkerPool({ workers: 1, maxQueued: 100 });
    const caller = new AbortController();
    let begun = 0;
    const failed = failureOf(
      pool.map(
        range(5),
        () => {
          begun += 1;
          return sleep(clock, 10);
        },
        { signal: caller.signal },
      ),
    );
    caller.abort(new Error('gone'));
    expect(await failed).toEqual(new Error('gone'));
    await clock.advance(100);
    expect(begun).toBe(1);
    await expectIdle(pool, { workers: 1, maxQueued: 100 });
  });

  test('that has already aborted lets no item begin', async () => {
    const pool = createWorkerPool({ workers: 1, maxQueued: 100 });
    let begun = 0;
    const failed = failureOf(pool.map([1], async () => (begun += 1), { signal: AbortSignal.abort(new Error('gone')) }));
    expect(await failed).toEqual(new Error('gone'));
    expect(begun).toBe(0);
  });
});

test('a call that does not fit into the queue is refused before any of its items begins', async () => {
  const clock = createFakeClock();
  const pool = createWorkerPool({ workers: 1, maxQueued: 3 });
  const first = pool.map(range(3), () => sleep(clock, 1));
  let begun = 0;
  const error = await failureOf(pool.map(range(2), async () => (begun += 1)));
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).reason).toBe('POOL_FULL');
  await clock.advance(10);
  await first;
  expect(begun).toBe(0);
});

test('items that can begin at once need no room in the queue', async () => {
  const pool = createWorkerPool({ workers: 4, maxQueued: 2 });
  expect(await pool.map(range(6), async (n) => n)).toEqual(range(6));
  expect(await failureOf(pool.map(range(7), async (n) => n))).toBeInstanceOf(AppError);
});

test('a call that has ended leaves its room in the pool to the next call of the same caller', async () => {
  const pool = createWorkerPool({ workers: 1, maxQueued: 1 });
  for (const n of range(3)) {
    expect(await pool.map([n, n], async (item) => item)).toEqual([n, n]);
    expect(await failureOf(pool.map([n, n], () => Promise.reject(new Error('no'))))).toEqual(new Error('no'));
  }
});

test('work may start a call of the same pool before it waits', async () => {
  const clock = createFakeClock();
  const pool = createWorkerPool({ workers: 2, maxQueued: 10 });
  const begun: string[] = [];
  const inner: Promise<unknown>[] = [];
  const outer = pool.map(range(3), async (n) => {
    begun.push(`outer ${n}`);
    if (n === 0) inner.push(pool.map(range(2), async (m) => void begun.push(`inner ${m}`)));
    await sleep(clock, 10);
  });
  await clock.advance(100);
  await Promise.all([outer, ...inner]);
  expect(begun.toSorted()).toEqual(['inner 0', 'inner 1', 'outer 0', 'outer 1', 'outer 2']);
  await expectIdle(pool, { workers: 2, maxQueued: 10 });
});

test('an error that a listener of the aborted signal causes does not replace the first error', async () => {
  const pool = createWorkerPool({ workers: 2, maxQueued: 10 });
  const caller = new AbortController();
  const failed = failureOf(
    pool.map(
      [0, 1],
      async (n, _, signal) => {
        if (n === 1) throw new Error('first');
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            caller.abort(new Error('second'));
            resolve();
          });
        });
      },
      { signal: caller.signal },
    ),
  );
  expect(await failed).toEqual(new Error('first'));
});

test('work that throws synchronously fails its call like any other work', async () => {
  const pool = createWorkerPool({ workers: 1, maxQueued: 10 });
  const broken = () => {
    throw new Error('no');
  };
  expect(await failureOf(pool.map([1, 2], broken))).toEqual(new Error('no'));
  await expectIdle(pool, { workers: 1, maxQueued: 10 });
});

test('a call without items resolves with an empty array', async () => {
  expect(await createWorkerPool({ workers: 1, maxQueued: 1 }).map([], async () => 1)).toEqual([]);
});
