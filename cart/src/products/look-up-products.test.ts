import { describe, expect, test } from 'bun:test';

import { createBreaker, createTokenBucket, createWorkerPool, sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import {
  type CallOptions,
  Code,
  RpcError,
  type Send,
  detach,
  hopDeadline,
  judgeCall,
  limit,
  refuseWhileOpen,
  watch,
} from '@tally/platform/grpc';
import type { ShardedCache } from '@tally/platform/redis';
import { createLog } from '@tally/platform/telemetry';
import { createFakeClock } from '@tally/platform/testing';
import { ProductService } from '@tally/proto/product';

import { USER, line } from '../testing/fixtures.ts';
import { list } from '../items/list.ts';
import { createProductCache } from './product-cache-redis.ts';
import { createProducts } from './look-up-products.ts';

type Answer = { name: string; price: number } | Code;
const LAMP = { name: 'a lamp', price: 100 };
const METHOD = ProductService.method.getProduct;

interface Asked {
  readonly token: string;
  readonly forMs: number;
  readonly signal: AbortSignal;
}

/** Look-ups through the real limiter and breaker, to a product service that answers as told after 50 ms. */
function setUp(answerOf: (sku: number, asked: number) => Answer = () => LAMP, shards?: ShardedCache) {
  const clock = createFakeClock();
  const sent: { sku: number; token: string; atMs: number }[] = [];
  const startMs = clock.nowMs();
  const send = async ({ sku, token }: { sku: number; token: string }, { signal }: CallOptions) => {
    sent.push({ sku, token, atMs: clock.nowMs() - startMs });
    const answer = answerOf(sku, sent.length);
    await sleep(clock, 50, signal);
    if (typeof answer === 'number') throw new RpcError({ code: answer, message: 'as told' });
    return answer;
  };
  const bucket = createTokenBucket(clock, { ratePerSecond: 10, burst: 1, maxWaiting: 1000 });
  const breaker = createBreaker({ clock, judge: judgeCall }, { maxFailures: 5, openMs: 1000 });
  const interceptors = [
    hopDeadline(clock.nowMs),
    refuseWhileOpen(breaker),
    limit(bucket),
    watch(breaker),
    detach(clock.nowMs, 2000),
  ];
  const getProduct = interceptors.reduceRight<Send>((next, wrap) => wrap(next, METHOD), send);
  const products = createProducts({
    client: { getProduct },
    clock,
    random: () => 0,
    cache: createProductCache({ clock, random: () => 0, shards, count: () => {} }),
    log: createLog('cart', 'silent'),
    token: 'ours',
  });
  const lookup = (sku: number, { token, forMs = 5000, signal = new AbortController().signal }: Partial<Asked> = {}) =>
    products.lookup(sku, { token, signal, deadlineMs: clock.nowMs() + forMs }).catch((error: unknown) => {
      if (!(error instanceof AppError)) return String(error);
      const { kind, reason, retryAfterMs } = error;
      return [kind, reason, retryAfterMs && `retry in ${retryAfterMs}`].filter(Boolean).join(' ');
    });
  return { clock, sent, lookup, products };
}

test('callers of one sku share one call, and later ones the cache', async () => {
  const { clock, sent, lookup } = setUp();
  const all = Array.from({ length: 10 }, () => lookup(1));
  await clock.advance(100);
  expect(new Set(await Promise.all(all))).toEqual(new Set([LAMP]));
  expect(await lookup(1)).toEqual(LAMP);
  expect(sent).toHaveLength(1);
});

test('the cache forgets, an unknown sku soon', async () => {
  const { clock, sent, lookup } = setUp((sku) => (sku === 2 ? Code.NOT_FOUND : LAMP));
  const both = [lookup(1), lookup(2)];
  await clock.advance(1000);
  expect(await Promise.all(both)).toEqual([LAMP, undefined]);
  expect(await lookup(2)).toBeUndefined();
  await clock.advance(2000);
  const again = [lookup(1), lookup(2)];
  await clock.advance(1000);
  await Promise.all(again);
  expect(sent.map(({ sku }) => sku)).toEqual([1, 2, 2]);
});

test('a product service that stays away is asked once a second, and says when', async () => {
  const { clock, sent, lookup } = setUp(() => Code.UNAVAILABLE);
  for (let sku = 1; sku <= 5; sku += 1) {
    const failed = lookup(sku);
    await clock.advance(200);
    expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE retry in 1000');
  }
  // It was opened 150 ms ago.
  expect(await lookup(6)).toBe('unavailable PRODUCT_UNAVAILABLE retry in 850');
  expect(sent).toHaveLength(5);
});

test('errors are never kept', async () => {
  const { clock, sent, lookup } = setUp((_, asked) => (asked === 1 ? Code.UNAVAILABLE : LAMP));
  const failed = lookup(1);
  await clock.advance(100);
  expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE retry in 1000');
  const next = lookup(1);
  await clock.advance(100);
  expect(await next).toEqual(LAMP);
  expect(sent).toHaveLength(2);
});

test('calls are an interval apart, over all skus', async () => {
  const { clock, sent, lookup } = setUp();
  const all = Array.from({ length: 20 }, (_, i) => lookup(i + 1));
  await clock.advance(3000);
  await Promise.all(all);
  expect(sent.map(({ atMs }) => atMs)).toEqual(Array.from({ length: 20 }, (_, i) => i * 100));
});

test('a caller whose turn would come too late is refused at once as over the limit', async () => {
  const { clock, sent, lookup } = setUp();
  const all = Array.from({ length: 5 }, (_, i) => lookup(i + 1));
  const hurried = lookup(99, { forMs: 300 });
  await clock.advance(0);
  expect(await hurried).toBe('resource-exhausted PRODUCT_LIMIT retry in 500');
  await clock.advance(2000);
  await Promise.all(all);
  expect(sent.map(({ sku }) => sku)).not.toContain(99);
});

test('a caller that joined a flight with a shorter deadline begins its own', async () => {
  const { clock, lookup } = setUp();
  const others = Array.from({ length: 5 }, (_, i) => lookup(i + 1));
  const hurried = lookup(99, { forMs: 300 });
  const patient = lookup(99, { forMs: 5000 });
  await clock.advance(2000);
  expect(await hurried).toBe('resource-exhausted PRODUCT_LIMIT retry in 500');
  expect(await patient).toEqual(LAMP);
  await Promise.all(others);
});

test('a look-up that nobody waits for is dropped while it waits for its turn', async () => {
  const { clock, sent, lookup } = setUp();
  const caller = new AbortController();
  const first = lookup(1);
  const dropped = lookup(2, { signal: caller.signal });
  const behind = lookup(3);
  await clock.advance(10);
  caller.abort(new Error('gone'));
  await clock.advance(1000);
  expect(await dropped).toBe('Error: gone');
  await Promise.all([first, behind]);
  expect(sent.map(({ sku, atMs }) => [sku, atMs])).toEqual([
    [1, 0],
    [3, 100],
  ]);
});

test('a caller with too little time for any answer is told so, and one that joined its flight begins its own', async () => {
  const { clock, lookup } = setUp();
  const hurried = lookup(1, { forMs: 150 });
  const patient = lookup(1);
  await clock.advance(100);
  expect(await hurried).toBe('deadline-exceeded');
  expect(await patient).toEqual(LAMP);
});

test('look-ups that end because another one of their List was refused do not begin again', async () => {
  const { clock, sent, lookup, products } = setUp();
  const pool = createWorkerPool({ workers: 64, maxQueued: 100 });
  const others = [1, 2, 3, 4].map((sku) => lookup(sku));
  const deadlineMs = clock.nowMs() + 700;
  const list = pool.map([1, 2, 3, 4, 5, 6, 7], (sku, _, signal) =>
    products.lookup(sku, { token: undefined, signal, deadlineMs }),
  );
  const refused = list.catch((error: unknown) => (error as AppError).reason);
  await clock.advance(2000);
  expect(await refused).toBe('PRODUCT_LIMIT');
  expect(await Promise.all(others)).toEqual([LAMP, LAMP, LAMP, LAMP]);
  expect(sent.map(({ sku }) => sku)).toEqual([1, 2, 3, 4]);
  expect(pool.running).toBe(0);
});

test('a List of more new skus than have a turn in its time gets on with each try', async () => {
  const { clock, sent, products } = setUp();
  const stored = Array.from({ length: 100 }, (_, i) => line(i + 1, 1));
  const store = { findLines: async () => stored, update: async () => undefined as never };
  const pool = createWorkerPool({ workers: 64, maxQueued: 100 });
  const tryOnce = async () => {
    const call = { signal: new AbortController().signal, deadlineMs: clock.nowMs() + 5000 };
    const answer = list({ store, products, pool, clock }, { userId: USER, token: undefined }, call).catch(
      (error: unknown) => error as AppError,
    );
    await clock.advance(5000);
    return answer;
  };
  const { reason, retryAfterMs } = (await tryOnce()) as AppError;
  expect([reason, retryAfterMs]).toEqual(['PRODUCT_LIMIT', 50]);
  expect(sent).toHaveLength(49);
  await tryOnce();
  expect(await tryOnce()).toMatchObject({ total: 10_000n });
  expect(sent).toHaveLength(100);
  expect(new Set(sent.map(({ sku }) => sku)).size).toBe(100);
});

test('a look-up that was sent ends by itself and feeds the cache', async () => {
  const { clock, sent, lookup } = setUp();
  const caller = new AbortController();
  const gone = lookup(1, { signal: caller.signal });
  await clock.advance(10);
  caller.abort(new Error('gone'));
  expect(await gone).toBe('Error: gone');
  const joined = lookup(1);
  await clock.advance(200);
  expect([await joined, await lookup(1)]).toEqual([LAMP, LAMP]);
  expect(sent).toHaveLength(1);
});

describe('a product service over its limit', () => {
  test('is asked three times in all, each in its turn', async () => {
    const { clock, sent, lookup } = setUp(() => Code.RESOURCE_EXHAUSTED);
    const failed = lookup(1);
    await clock.advance(2000);
    expect(await failed).toBe('resource-exhausted PRODUCT_LIMIT retry in 1000');
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 100, 200]);
  });

  test('is asked no more often when many wait for the same', async () => {
    const { clock, sent, lookup } = setUp(() => Code.RESOURCE_EXHAUSTED);
    const all = Array.from({ length: 10 }, () => lookup(1));
    await clock.advance(2000);
    await Promise.all(all);
    expect(sent).toHaveLength(3);
  });

  test('is not asked again when nobody waits any more', async () => {
    const { clock, sent, lookup } = setUp(() => Code.RESOURCE_EXHAUSTED);
    const caller = new AbortController();
    const gone = lookup(1, { signal: caller.signal });
    await clock.advance(10);
    caller.abort(new Error('gone'));
    await clock.advance(2000);
    expect(await gone).toBe('Error: gone');
    expect(sent).toHaveLength(1);
  });

  test('is asked again for a share of the calls only, when it refuses many', async () => {
    const { clock, sent, lookup } = setUp(() => Code.RESOURCE_EXHAUSTED);
    for (let sku = 1; sku <= 100; sku += 1) {
      const failed = lookup(sku);
      await clock.advance(2000);
      await failed;
    }
    expect(sent.length).toBeGreaterThan(100);
    expect(sent.length).toBeLessThanOrEqual(100 + 100 / 5 + 10);
  });

  test('that recovers is not noticed', async () => {
    const { clock, lookup } = setUp((_, asked) => (asked < 3 ? Code.RESOURCE_EXHAUSTED : LAMP));
    const found = lookup(1);
    await clock.advance(2000);
    expect(await found).toEqual(LAMP);
  });
});

describe('a product service that stays away', () => {
  test('is not asked any more after five failures in a row, and no call waits for a turn', async () => {
    const { clock, sent, lookup } = setUp(() => Code.UNAVAILABLE);
    for (let sku = 1; sku <= 5; sku += 1) {
      const failed = lookup(sku);
      await clock.advance(150);
      expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE retry in 1000');
    }
    const refused = [6, 7, 8].map((sku) => lookup(sku));
    await clock.advance(0);
    for (const outcome of await Promise.all(refused))
      expect(outcome).toStartWith('unavailable PRODUCT_UNAVAILABLE retry in');
    expect(sent).toHaveLength(5);
  });

  test('is not sent those calls that waited for their turn while the breaker opened', async () => {
    const { clock, sent, lookup } = setUp(() => Code.DEADLINE_EXCEEDED);
    const all = Array.from({ length: 20 }, (_, i) => lookup(i + 1));
    await clock.advance(950);
    expect(sent.length).toBeWithin(5, 7);
    await clock.advance(5000);
    for (const outcome of await Promise.all(all)) expect(outcome).toStartWith('unavailable PRODUCT_UNAVAILABLE');
  });

  test('is asked by one call at a time after a second, and by all once it answers', async () => {
    let isAway = true;
    const { clock, sent, lookup } = setUp(() => (isAway ? Code.UNAVAILABLE : LAMP));
    for (let sku = 1; sku <= 5; sku += 1) {
      const failed = lookup(sku);
      await clock.advance(150);
      await failed;
    }
    isAway = false;
    await clock.advance(1000);
    const probe = lookup(6);
    await clock.advance(10);
    expect(await lookup(7)).toStartWith('unavailable PRODUCT_UNAVAILABLE');
    await clock.advance(100);
    expect(await probe).toEqual(LAMP);
    const next = [8, 9].map((sku) => lookup(sku));
    await clock.advance(500);
    expect(await Promise.all(next)).toEqual([LAMP, LAMP]);
    expect(sent.map(({ sku }) => sku)).toEqual([1, 2, 3, 4, 5, 6, 8, 9]);
  });

  test('differs from one that refuses: that does not open the breaker', async () => {
    const { clock, sent, lookup } = setUp((sku) => (sku % 2 === 0 ? Code.NOT_FOUND : Code.UNAUTHENTICATED));
    for (let sku = 1; sku <= 20; sku += 1) {
      const asked = lookup(sku);
      await clock.advance(150);
      await asked;
    }
    expect(sent).toHaveLength(20);
  });
});

test('what the instances know together is not asked for again, and a caller with a token of its own does not see it', async () => {
  const texts = new Map<string, string>();
  const shards: ShardedCache = {
    get: async (key) => texts.get(key),
    set: async (key, value) => void texts.set(key, value),
  };
  const [one, two] = [setUp(() => LAMP, shards), setUp(() => ({ name: 'theirs', price: 1 }), shards)];
  const first = one.lookup(1);
  await one.clock.advance(100);
  expect([await first, await two.lookup(1)]).toEqual([LAMP, LAMP]);
  expect(two.sent).toHaveLength(0);
  const theirs = two.lookup(1, { token: 'theirs' });
  await two.clock.advance(100);
  expect(await theirs).toEqual({ name: 'theirs', price: 1 });
  expect(two.sent).toHaveLength(1);
  expect(texts.size).toBe(1);
});

describe('a token of the request', () => {
  test('goes with the call, which shares neither flight nor cache', async () => {
    const { clock, sent, lookup } = setUp();
    const all = [lookup(1), lookup(1, { token: 'theirs' }), lookup(1, { token: 'theirs' })];
    await clock.advance(1000);
    await Promise.all(all);
    expect(sent.map(({ token }) => token).toSorted()).toEqual(['ours', 'theirs', 'theirs']);
  });

  test('lets its caller go at once, and is not sent when nobody waits', async () => {
    const { clock, sent, lookup } = setUp();
    const caller = new AbortController();
    const options = { token: 'theirs', signal: caller.signal };
    const both = [lookup(1, options), lookup(2, options)];
    await clock.advance(10);
    caller.abort(new Error('gone'));
    expect(await Promise.all(both)).toEqual(['Error: gone', 'Error: gone']);
    await clock.advance(2000);
    expect(sent.map(({ sku }) => sku)).toEqual([1]);
  });

  test("is the caller's, also when it is the same as ours", async () => {
    const { clock, lookup } = setUp(() => Code.UNAUTHENTICATED);
    const theirs = lookup(1, { token: 'ours' });
    await clock.advance(1000);
    expect(await theirs).toBe('unauthenticated WRONG_PRODUCT_TOKEN');
  });

  test('that is wrong is unauthenticated; a wrong configured one is our own trouble', async () => {
    const { clock, lookup } = setUp(() => Code.UNAUTHENTICATED);
    const [theirs, ours] = [lookup(1, { token: 'theirs' }), lookup(1)];
    await clock.advance(1000);
    expect(await theirs).toBe('unauthenticated WRONG_PRODUCT_TOKEN');
    expect(await ours).toBe('unavailable PRODUCT_UNAVAILABLE retry in 1000');
  });
});

const WRONG_ANSWERS = {
  'a name of 501 characters': { name: 'x'.repeat(501), price: 1 },
  'a name with U+0000': { name: 'a\0b', price: 1 },
  'a negative price': { name: 'a lamp', price: -1 },
  'a price of 2^32': { name: 'a lamp', price: 2 ** 32 },
  'half a price': { name: 'a lamp', price: 0.5 },
};

for (const [title, answer] of Object.entries(WRONG_ANSWERS)) {
  test(`${title} is not stored`, async () => {
    const { clock, sent, lookup } = setUp(() => answer);
    const failed = lookup(1);
    await clock.advance(100);
    expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE retry in 1000');
    const again = lookup(1);
    await clock.advance(100);
    await again;
    expect(sent).toHaveLength(2);
  });
}

test('a name of 500 characters is fine, also where each takes two units, and so is the largest price', async () => {
  const product = { name: '🪔'.repeat(500), price: 2 ** 32 - 1 };
  const { clock, lookup } = setUp(() => product);
  const found = lookup(1);
  await clock.advance(100);
  expect(await found).toEqual(product);
});
