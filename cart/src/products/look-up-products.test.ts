import { describe, expect, test } from 'bun:test';

import { createWorkerPool } from '@tally/platform/concurrency';
import type { AppError } from '@tally/platform/errors';
import { Code } from '@tally/platform/grpc';
import type { ShardedCache } from '@tally/platform/redis';

import { LAMP, createProductWorld } from '../testing/product-world.ts';

test('callers that want the same sku at the same time share one call, and later ones read the cache', async () => {
  const { clock, sent, lookUp } = createProductWorld();
  const all = Array.from({ length: 10 }, () => lookUp(1));
  await clock.advance(100);
  expect(new Set(await Promise.all(all))).toEqual(new Set([LAMP]));
  expect(await lookUp(1)).toEqual(LAMP);
  expect(sent).toHaveLength(1);
});

test('a product stays in the cache for a minute, and an unknown sku for two seconds', async () => {
  const { clock, sent, lookUp } = createProductWorld({ answer: (sku) => (sku === 2 ? Code.NOT_FOUND : LAMP) });
  const both = [lookUp(1), lookUp(2)];
  await clock.advance(1000);
  expect(await Promise.all(both)).toEqual([LAMP, undefined]);
  expect(await lookUp(2)).toBeUndefined();
  await clock.advance(2000);
  const again = [lookUp(1), lookUp(2)];
  await clock.advance(1000);
  await Promise.all(again);
  expect(sent.map(({ sku }) => sku)).toEqual([1, 2, 2]);
});

test('while the breaker is open a look-up is refused with the time until the next probe', async () => {
  const { clock, sent, lookUp } = createProductWorld({ answer: () => Code.UNAVAILABLE });
  for (let sku = 1; sku <= 5; sku += 1) {
    const failed = lookUp(sku);
    await clock.advance(200);
    expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE retry in 1000');
  }
  // The breaker opened 150 ms ago.
  expect(await lookUp(6)).toBe('unavailable PRODUCT_UNAVAILABLE retry in 850');
  expect(sent).toHaveLength(5);
});

test('failures are not cached', async () => {
  const { clock, sent, lookUp } = createProductWorld({
    answer: (_, callNumber) => (callNumber === 1 ? Code.UNAVAILABLE : LAMP),
  });
  const failed = lookUp(1);
  await clock.advance(100);
  expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE retry in 1000');
  const next = lookUp(1);
  await clock.advance(100);
  expect(await next).toEqual(LAMP);
  expect(sent).toHaveLength(2);
});

test('calls for different skus are sent 100 ms apart, at the rate of the limit', async () => {
  const { clock, sent, lookUp } = createProductWorld();
  const all = Array.from({ length: 20 }, (_, i) => lookUp(i + 1));
  await clock.advance(3000);
  await Promise.all(all);
  expect(sent.map(({ atMs }) => atMs)).toEqual(Array.from({ length: 20 }, (_, i) => i * 100));
});

test('a caller whose turn would come after its deadline is refused at once with PRODUCT_LIMIT', async () => {
  const { clock, sent, lookUp } = createProductWorld();
  const all = Array.from({ length: 5 }, (_, i) => lookUp(i + 1));
  const hurried = lookUp(99, { forMs: 300 });
  await clock.advance(0);
  expect(await hurried).toBe('resource-exhausted PRODUCT_LIMIT retry in 500');
  await clock.advance(2000);
  await Promise.all(all);
  expect(sent.map(({ sku }) => sku)).not.toContain(99);
});

test('a caller that joined the flight of a hurried caller starts its own when that flight is refused', async () => {
  const { clock, lookUp } = createProductWorld();
  const others = Array.from({ length: 5 }, (_, i) => lookUp(i + 1));
  const hurried = lookUp(99, { forMs: 300 });
  const patient = lookUp(99, { forMs: 5000 });
  await clock.advance(2000);
  expect(await hurried).toBe('resource-exhausted PRODUCT_LIMIT retry in 500');
  expect(await patient).toEqual(LAMP);
  await Promise.all(others);
});

test('a look-up whose callers all went away gives up its turn at the limit', async () => {
  const { clock, sent, lookUp } = createProductWorld();
  const caller = new AbortController();
  const first = lookUp(1);
  const dropped = lookUp(2, { signal: caller.signal });
  const next = lookUp(3);
  await clock.advance(10);
  caller.abort(new Error('gone'));
  await clock.advance(1000);
  expect(await dropped).toBe('Error: gone');
  await Promise.all([first, next]);
  expect(sent.map(({ sku, atMs }) => [sku, atMs])).toEqual([
    [1, 0],
    [3, 100],
  ]);
});

test('a caller with too little time for any answer is refused; one that joined it starts its own call', async () => {
  const { clock, lookUp } = createProductWorld();
  const hurried = lookUp(1, { forMs: 150 });
  const patient = lookUp(1);
  await clock.advance(100);
  expect(await hurried).toBe('deadline-exceeded');
  expect(await patient).toEqual(LAMP);
});

test('look-ups that were aborted because another look-up of their List was refused do not start again', async () => {
  const { clock, sent, lookUp, products } = createProductWorld();
  const pool = createWorkerPool({ workers: 64, maxQueued: 100 });
  const others = [1, 2, 3, 4].map((sku) => lookUp(sku));
  const deadlineMs = clock.nowMs() + 700;
  const list = pool.map([1, 2, 3, 4, 5, 6, 7], (sku, _, signal) =>
    products.lookUp(sku, { token: undefined, signal, deadlineMs }),
  );
  const refused = list.catch((error: unknown) => (error as AppError).reason);
  await clock.advance(2000);
  expect(await refused).toBe('PRODUCT_LIMIT');
  expect(await Promise.all(others)).toEqual([LAMP, LAMP, LAMP, LAMP]);
  expect(sent.map(({ sku }) => sku)).toEqual([1, 2, 3, 4]);
  // An idle pool takes as many items as it has workers and places in the queue. So nothing of the List is left in it.
  expect(await pool.map(Array.from({ length: 164 }), async () => 1)).toHaveLength(164);
});

test('a look-up whose call was sent runs to its end and fills the cache, although its caller went away', async () => {
  const { clock, sent, lookUp } = createProductWorld();
  const caller = new AbortController();
  const gone = lookUp(1, { signal: caller.signal });
  await clock.advance(10);
  caller.abort(new Error('gone'));
  expect(await gone).toBe('Error: gone');
  const joined = lookUp(1);
  await clock.advance(200);
  expect([await joined, await lookUp(1)]).toEqual([LAMP, LAMP]);
  expect(sent).toHaveLength(1);
});

describe('a product service that answers RESOURCE_EXHAUSTED', () => {
  test('is asked three times in all, each time in a turn of the limit', async () => {
    const { clock, sent, lookUp } = createProductWorld({ answer: () => Code.RESOURCE_EXHAUSTED });
    const failed = lookUp(1);
    await clock.advance(2000);
    expect(await failed).toBe('resource-exhausted PRODUCT_LIMIT retry in 1000');
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 100, 200]);
  });

  test('is asked no more often when many callers wait for the same sku', async () => {
    const { clock, sent, lookUp } = createProductWorld({ answer: () => Code.RESOURCE_EXHAUSTED });
    const all = Array.from({ length: 10 }, () => lookUp(1));
    await clock.advance(2000);
    await Promise.all(all);
    expect(sent).toHaveLength(3);
  });

  test('is not asked again when no caller waits any more', async () => {
    const { clock, sent, lookUp } = createProductWorld({ answer: () => Code.RESOURCE_EXHAUSTED });
    const caller = new AbortController();
    const gone = lookUp(1, { signal: caller.signal });
    await clock.advance(10);
    caller.abort(new Error('gone'));
    await clock.advance(2000);
    expect(await gone).toBe('Error: gone');
    expect(sent).toHaveLength(1);
  });

  test('is sent at most ten retries, and one more for every five calls', async () => {
    const { clock, sent, lookUp } = createProductWorld({ answer: () => Code.RESOURCE_EXHAUSTED });
    for (let sku = 1; sku <= 100; sku += 1) {
      const failed = lookUp(sku);
      await clock.advance(2000);
      await failed;
    }
    expect(sent.length).toBeGreaterThan(100);
    expect(sent.length).toBeLessThanOrEqual(100 + 100 / 5 + 10);
  });

  test('is asked again, and the caller gets the product when the third try succeeds', async () => {
    const { clock, lookUp } = createProductWorld({
      answer: (_, callNumber) => (callNumber < 3 ? Code.RESOURCE_EXHAUSTED : LAMP),
    });
    const found = lookUp(1);
    await clock.advance(2000);
    expect(await found).toEqual(LAMP);
  });
});

describe('a product service that is away', () => {
  test('is not asked any more after five failures in a row, and look-ups fail without waiting for a turn', async () => {
    const { clock, sent, lookUp } = createProductWorld({ answer: () => Code.UNAVAILABLE });
    for (let sku = 1; sku <= 5; sku += 1) {
      const failed = lookUp(sku);
      await clock.advance(150);
      expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE retry in 1000');
    }
    const refused = [6, 7, 8].map((sku) => lookUp(sku));
    await clock.advance(0);
    for (const outcome of await Promise.all(refused))
      expect(outcome).toStartWith('unavailable PRODUCT_UNAVAILABLE retry in');
    expect(sent).toHaveLength(5);
  });

  test('is not sent the calls that waited for their turn while the breaker opened', async () => {
    const { clock, sent, lookUp } = createProductWorld({ answer: () => Code.DEADLINE_EXCEEDED });
    const all = Array.from({ length: 20 }, (_, i) => lookUp(i + 1));
    await clock.advance(950);
    expect(sent.length).toBeWithin(5, 7);
    await clock.advance(5000);
    for (const outcome of await Promise.all(all)) expect(outcome).toStartWith('unavailable PRODUCT_UNAVAILABLE');
  });

  test('gets one probe after a second, and every call again once the probe succeeds', async () => {
    let isAway = true;
    const { clock, sent, lookUp } = createProductWorld({ answer: () => (isAway ? Code.UNAVAILABLE : LAMP) });
    for (let sku = 1; sku <= 5; sku += 1) {
      const failed = lookUp(sku);
      await clock.advance(150);
      await failed;
    }
    isAway = false;
    await clock.advance(1000);
    const probe = lookUp(6);
    await clock.advance(10);
    expect(await lookUp(7)).toStartWith('unavailable PRODUCT_UNAVAILABLE');
    await clock.advance(100);
    expect(await probe).toEqual(LAMP);
    const next = [8, 9].map((sku) => lookUp(sku));
    await clock.advance(500);
    expect(await Promise.all(next)).toEqual([LAMP, LAMP]);
    expect(sent.map(({ sku }) => sku)).toEqual([1, 2, 3, 4, 5, 6, 8, 9]);
  });
});

test('a product service that refuses every call does not open the breaker', async () => {
  const { clock, sent, lookUp } = createProductWorld({
    answer: (sku) => (sku % 2 === 0 ? Code.NOT_FOUND : Code.UNAUTHENTICATED),
  });
  for (let sku = 1; sku <= 20; sku += 1) {
    const asked = lookUp(sku);
    await clock.advance(150);
    await asked;
  }
  expect(sent).toHaveLength(20);
});

test('a product in the shared cache is not looked up again, except for a caller with its own token', async () => {
  const texts = new Map<string, string>();
  const shards: ShardedCache = {
    get: async (key) => texts.get(key),
    set: async (key, value) => void texts.set(key, value),
  };
  const [one, two] = [
    createProductWorld({ shards }),
    createProductWorld({ answer: () => ({ name: 'theirs', price: 1 }), shards }),
  ];
  const first = one.lookUp(1);
  await one.clock.advance(100);
  expect([await first, await two.lookUp(1)]).toEqual([LAMP, LAMP]);
  expect(two.sent).toHaveLength(0);
  const theirs = two.lookUp(1, { token: 'theirs' });
  await two.clock.advance(100);
  expect(await theirs).toEqual({ name: 'theirs', price: 1 });
  expect(two.sent).toHaveLength(1);
  expect(texts.size).toBe(1);
});

describe('a caller with its own token', () => {
  test('sends it with its call, and shares neither a flight nor the cache', async () => {
    const { clock, sent, lookUp } = createProductWorld();
    const all = [lookUp(1), lookUp(1, { token: 'theirs' }), lookUp(1, { token: 'theirs' })];
    await clock.advance(1000);
    await Promise.all(all);
    expect(sent.map(({ token }) => token).toSorted()).toEqual(['ours', 'theirs', 'theirs']);
  });

  test('does not wait after it aborts, and its call that still waits for a turn is not sent', async () => {
    const { clock, sent, lookUp } = createProductWorld();
    const caller = new AbortController();
    const options = { token: 'theirs', signal: caller.signal };
    const both = [lookUp(1, options), lookUp(2, options)];
    await clock.advance(10);
    caller.abort(new Error('gone'));
    expect(await Promise.all(both)).toEqual(['Error: gone', 'Error: gone']);
    await clock.advance(2000);
    expect(sent.map(({ sku }) => sku)).toEqual([1]);
  });

  test('gets WRONG_PRODUCT_TOKEN even when its token equals the configured one', async () => {
    const { clock, lookUp } = createProductWorld({ answer: () => Code.UNAUTHENTICATED });
    const theirs = lookUp(1, { token: 'ours' });
    await clock.advance(1000);
    expect(await theirs).toBe('unauthenticated WRONG_PRODUCT_TOKEN');
  });

  test('gets UNAUTHENTICATED for a wrong token, but a wrong configured token is UNAVAILABLE', async () => {
    const { clock, lookUp } = createProductWorld({ answer: () => Code.UNAUTHENTICATED });
    const [theirs, ours] = [lookUp(1, { token: 'theirs' }), lookUp(1)];
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
  test(`${title} is refused and not cached`, async () => {
    const { clock, sent, lookUp } = createProductWorld({ answer: () => answer });
    const failed = lookUp(1);
    await clock.advance(100);
    expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE retry in 1000');
    const again = lookUp(1);
    await clock.advance(100);
    await again;
    expect(sent).toHaveLength(2);
  });
}

test('a name of 500 characters with two UTF-16 units each is accepted, and so is the largest price', async () => {
  const product = { name: '🪔'.repeat(500), price: 2 ** 32 - 1 };
  const { clock, lookUp } = createProductWorld({ answer: () => product });
  const found = lookUp(1);
  await clock.advance(100);
  expect(await found).toEqual(product);
});
