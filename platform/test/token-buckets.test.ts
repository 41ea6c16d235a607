import { afterAll, beforeAll, expect, test } from 'bun:test';

import { LimitError, type TokenBucket, createTokenBucket, systemClock } from '../src/concurrency/index.ts';
import { createSharedTokenBucket, openRedis } from '../src/redis/index.ts';
import { type TestRedis, describeWith, missingRedis, openTestRedis } from '../src/testing/index.ts';

/* The contract of token buckets, in real time: 20 turns a second, burst 1. */

const LIMITS = { ratePerSecond: 20, burst: 1, maxWaiting: 5 } as const;
const INTERVAL_MS = 1000 / LIMITS.ratePerSecond;
const missing = await missingRedis();

interface Opened {
  readonly bucket: TokenBucket;
  readonly close: () => Promise<void>;
}

let redis: TestRedis;
let buckets = 0;

beforeAll(async () => {
  if (missing === undefined) redis = await openTestRedis();
});
afterAll(async () => {
  await redis?.[Symbol.asyncDispose]();
});

const makers: Record<string, { readonly missing: string | undefined; readonly open: () => Promise<Opened> }> = {
  'in process': {
    missing: undefined,
    open: async () => ({ bucket: createTokenBucket(systemClock, LIMITS), close: async () => {} }),
  },
  'in Redis': {
    missing,
    async open() {
      const client = openRedis({ url: redis.url, name: 'test', commandLimitMs: 1000, random: Math.random });
      await client.untilReady(2000);
      buckets += 1;
      const limits = { ...LIMITS, key: `limit:${buckets}`, instances: 1 };
      const bucket = createSharedTokenBucket({ clock: systemClock, redis: client }, limits);
      // A new bucket hands out nothing for a second. Then it rests until it is full.
      await bucket.take();
      await Bun.sleep(2 * INTERVAL_MS);
      return { bucket, close: async () => await client[Symbol.asyncDispose]() };
    },
  },
};

for (const [name, { missing, open }] of Object.entries(makers)) {
  describeWith(missing, `a token bucket ${name}`, () => {
    const withBucket = (sentence: string, work: (bucket: TokenBucket) => Promise<void>) =>
      test(sentence, async () => {
        const { bucket, close } = await open();
        try {
          await work(bucket);
        } finally {
          await close();
        }
      });

    withBucket('lets callers go first come, first served, an interval apart', async (bucket) => {
      const startedMs = performance.now();
      const order: string[] = [];
      const take = async (name: string) => {
        await bucket.take();
        order.push(name);
      };
      await Promise.all(['a', 'b', 'c', 'd'].map(take));
      const tookMs = performance.now() - startedMs;
      expect(order).toEqual(['a', 'b', 'c', 'd']);
      expect(tookMs).toBeGreaterThan(3 * INTERVAL_MS * 0.9);
      expect(tookMs).toBeLessThan(6 * INTERVAL_MS);
    });

    withBucket(
      'refuses a caller at once whose deadline is shorter than its wait, and uses no turn for it',
      async (bucket) => {
        const startedMs = performance.now();
        const patient = [bucket.take(), bucket.take(), bucket.take()];
        const refused = await bucket.take({ deadlineMs: Date.now() + 30 }).catch((error: unknown) => error);
        const refusedAfterMs = performance.now() - startedMs;
        expect(refused).toBeInstanceOf(LimitError);
        expect(refusedAfterMs).toBeLessThan(INTERVAL_MS);
        await Promise.all(patient);
        await bucket.take();
        expect(performance.now() - startedMs).toBeLessThan(4.8 * INTERVAL_MS);
      },
    );

    withBucket(
      'refuses a first caller with too little time, and lets the next caller have the turn',
      async (bucket) => {
        await bucket.take();
        const startedMs = performance.now();
        const hurried = bucket.take({ deadlineMs: Date.now() + 5 }).catch((error: unknown) => error);
        const patient = bucket.take();
        expect(await hurried).toBeInstanceOf(LimitError);
        await patient;
        expect(performance.now() - startedMs).toBeLessThan(1.9 * INTERVAL_MS);
      },
    );

    withBucket('gives the turn of a caller that leaves to the next one', async (bucket) => {
      const startedMs = performance.now();
      const leaver = new AbortController();
      await bucket.take();
      const gone = bucket.take({ signal: leaver.signal }).catch((error: unknown) => error);
      const next = bucket.take();
      await Bun.sleep(INTERVAL_MS / 2);
      leaver.abort(new Error('gone'));
      expect(await gone).toEqual(new Error('gone'));
      await next;
      expect(performance.now() - startedMs).toBeLessThan(1.9 * INTERVAL_MS);
    });

    withBucket(
      'refuses callers when too many wait, and rejects with the reason of a signal that has already aborted',
      async (bucket) => {
        const all = Array.from({ length: 12 }, () =>
          bucket.take().then(
            () => 'turn',
            () => 'refused',
          ),
        );
        const outcomes = await Promise.all(all);
        expect(outcomes.filter((outcome) => outcome === 'turn').length).toBeWithin(5, 8);
        const reason = new Error('gone');
        const aborted = await bucket.take({ signal: AbortSignal.abort(reason) }).catch((error: unknown) => error);
        expect(aborted).toBe(reason);
      },
    );
  });
}

describeWith(missing, 'the script in Redis', () => {
  /** Opens buckets that share 20 turns a second, each with its own connection, like separate processes. */
  async function openProcesses(stack: AsyncDisposableStack, count: number) {
    buckets += 1;
    const key = `limit:${buckets}`;
    const open = async () => {
      const client = stack.use(openRedis({ url: redis.url, name: 'test', commandLimitMs: 1000, random: Math.random }));
      await client.untilReady(2000);
      const bucket = createSharedTokenBucket(
        { clock: systemClock, redis: client },
        { ...LIMITS, key, instances: count, maxWaiting: 100 },
      );
      return { client, bucket };
    };
    return { key, processes: await Promise.all(Array.from({ length: count }, open)) };
  }

  test('a bucket that Redis does not know or has lost hands out nothing for a second', async () => {
    await using stack = new AsyncDisposableStack();
    const { key, processes } = await openProcesses(stack, 1);
    const { client, bucket } = processes[0]!;
    const waitMs = async () => {
      const startedMs = performance.now();
      await bucket.take();
      return performance.now() - startedMs;
    };
    expect(await waitMs()).toBeGreaterThan(900);
    expect(await waitMs()).toBeLessThan(900);
    await client.send('DEL', key);
    expect(await waitMs()).toBeGreaterThan(900);
  });

  test('nobody waits longer than a minute after the clock of Redis was set back', async () => {
    await using stack = new AsyncDisposableStack();
    const { key, processes } = await openProcesses(stack, 1);
    const { client, bucket } = processes[0]!;
    // The value that Redis holds after its clock was set back by a day.
    await client.send('SET', key, String((Date.now() + 86_400_000) * 1000));
    const refused = await bucket.take({ deadlineMs: Date.now() + 1000 }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LimitError);
    expect((refused as LimitError).waitMs).toBeWithin(55_000, 60_001);
  });

  test('any window of one second has at most rate + burst turns, and callers get the rate', async () => {
    await using stack = new AsyncDisposableStack();
    const { processes } = await openProcesses(stack, 2);
    const turnsMs: number[] = [];
    const untilMs = performance.now() + 5000;
    const takeUntilEnd = async (bucket: TokenBucket) => {
      while (performance.now() < untilMs) {
        await bucket.take();
        turnsMs.push(performance.now());
      }
    };
    await Promise.all(
      processes.flatMap(({ bucket }) => [takeUntilEnd(bucket), takeUntilEnd(bucket), takeUntilEnd(bucket)]),
    );
    const inSecond = (fromMs: number) => turnsMs.filter((ms) => ms >= fromMs && ms < fromMs + 1000).length;
    expect(Math.max(...turnsMs.map(inSecond))).toBeLessThanOrEqual(LIMITS.ratePerSecond + LIMITS.burst);
    // The quiet second leaves four seconds.
    expect(turnsMs.length).toBeGreaterThan(4 * LIMITS.ratePerSecond * 0.7);
  }, 30_000);
});
