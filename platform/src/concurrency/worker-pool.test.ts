import { describe, expect, test } from 'bun:test';

import { AppError } from '../errors/index.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { sleep } from './clock.ts';
import { createWorkerPool } from './worker-pool.ts';

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** A small generator of numbers that look random; the same seed gives the same ones. */
function createRandom(seed: number) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
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

test('no more run at once than there are workers, over all calls, for many schedules', async () => {
  for (const seed of upTo(50)) {
    const random = createRandom(seed);
    const clock = createFakeClock();
    const workers = 1 + Math.floor(random() * 5);
    const pool = createWorkerPool({ workers, maxQueued: 1000 });
    let running = 0;
    let most = 0;
    const calls = upTo(6).map(async (call) => {
      await sleep(clock, random() * 20);
      return pool.map(upTo(Math.floor(random() * 12)), async (n) => {
        running += 1;
        most = Math.max(most, running);
        await sleep(clock, random() * 10);
        running -= 1;
        return call * 100 + n;
      });
    });
    await clock.advance(10_000);
    for (const [call, results] of (await Promise.all(calls)).entries()) {
      expect(results).toEqual(upTo(results.length).map((n) => call * 100 + n));
    }
    expect(most).toBeLessThanOrEqual(workers);
    expect([pool.running, pool.queued]).toEqual([0, 0]);
  }
});

test('a large call does not starve a small one', async () => {
  const clock = createFakeClock();
  const pool = createWorkerPool({ workers: 2, maxQueued: 2000 });
  const work = () => sleep(clock, 10);
  const large = pool.map(upTo(1000), work);
  let isSmallDone = false;
  const small = pool.map([1], work).then(() => (isSmallDone = true));
  await clock.advance(40);
  expect(isSmallDone).toBe(true);
  await clock.advance(10_000);
  await Promise.all([large, small]);
});

describe('the first error', () => {
  test('ends the wait at once; what has not begun never does, what runs sees its signal abort', async () => {
    const clock = createFakeClock();
    const pool = createWorkerPool({ workers: 2, maxQueued: 100 });
    const begun: number[] = [];
    const aborted: number[] = [];
    const failed = failureOf(
      pool.map(upTo(10), async (n, _, signal) => {
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
    expect(pool.queued).toBe(0);
    await clock.advance(100);
    expect([begun, pool.running]).toEqual([[0, 1], 0]);
  });

  test('frees the workers for other calls', async () => {
    const pool = createWorkerPool({ workers: 1, maxQueued: 100 });
    const failed = failureOf(pool.map(upTo(5), () => Promise.reject(new Error('no'))));
    const other = pool.map([1, 2], async (n) => n);
    expect(await failed).toEqual(new Error('no'));
    expect(await other).toEqual([1, 2]);
  });
});

describe("the caller's signal", () => {
  test('ends the wait and drops what has not begun', async () => {
    const clock = createFakeClock();
    const pool = createWorkerPool({ workers: 1, maxQueued: 100 });
    const caller = new AbortController();
    let begun = 0;
    const failed = failureOf(
      pool.map(
        upTo(5),
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
    expect([begun, pool.queued, pool.running]).toEqual([1, 0, 0]);
  });

  test('that has aborted already runs nothing', async () => {
    const pool = createWorkerPool({ workers: 1, maxQueued: 100 });
    let begun = 0;
    const failed = failureOf(pool.map([1], async () => (begun += 1), { signal: AbortSignal.abort(new Error('gone')) }));
    expect(await failed).toEqual(new Error('gone'));
    expect(begun).toBe(0);
  });
});

test('a call that does not fit into the queue is refused whole', async () => {
  const clock = createFakeClock();
  const pool = createWorkerPool({ workers: 1, maxQueued: 3 });
  const first = pool.map(upTo(3), () => sleep(clock, 1));
  let begun = 0;
  const error = await failureOf(pool.map(upTo(3), async () => (begun += 1)));
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).reason).toBe('POOL_FULL');
  await clock.advance(10);
  await first;
  expect(begun).toBe(0);
});

test('no items is an empty result', async () => {
  expect(await createWorkerPool({ workers: 1, maxQueued: 1 }).map([], async () => 1)).toEqual([]);
});
