import { describe, expect, test } from 'bun:test';

import { createTokenBucket, sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { type CallOptions, Code, RpcError, detach, limit } from '@tally/platform/grpc';
import { createLog } from '@tally/platform/telemetry';
import { createFakeClock } from '@tally/platform/testing';
import { ProductService } from '@tally/proto/product';

import { createProducts } from './products.ts';

type Answer = { name: string; price: number } | Code;
const LAMP = { name: 'a lamp', price: 100 };
const METHOD = ProductService.method.getProduct;

/** Look-ups through the real limiter, to a product service that answers as told after 50 ms. */
function setUp(answerOf: (sku: number, asked: number) => Answer = () => LAMP) {
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
  const getProduct = limit(bucket)(detach(clock.nowMs, 2000)(send, METHOD), METHOD);
  const products = createProducts({
    client: { getProduct } as never,
    clock,
    random: () => 0,
    log: createLog('cart', 'silent'),
    token: 'ours',
  });
  const lookup = (sku: number, { token, forMs = 5000, signal = new AbortController().signal }: Partial<{ token: string; forMs: number; signal: AbortSignal }> = {}) =>
    products.lookup(sku, { token, signal, deadlineMs: clock.nowMs() + forMs }).catch((error: unknown) => {
      if (error instanceof AppError) return `${error.kind} ${error.reason}`;
      return String(error);
    });
  return { clock, sent, lookup };
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

test('errors are never kept', async () => {
  const { clock, sent, lookup } = setUp((_, asked) => (asked === 1 ? Code.UNAVAILABLE : LAMP));
  const failed = lookup(1);
  await clock.advance(100);
  expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE');
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
  expect(await hurried).toBe('resource-exhausted PRODUCT_LIMIT');
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
  expect(await hurried).toBe('resource-exhausted PRODUCT_LIMIT');
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

test('a look-up that was sent ends by itself and feeds the cache', async () => {
  const { clock, sent, lookup } = setUp();
  const caller = new AbortController();
  const gone = lookup(1, { signal: caller.signal });
  await clock.advance(10);
  caller.abort(new Error('gone'));
  expect(await gone).toBe('Error: gone');
  await clock.advance(100);
  expect(await lookup(1)).toEqual(LAMP);
  expect(sent).toHaveLength(1);
});

describe('a product service over its limit', () => {
  test('is asked three times in all, each in its turn', async () => {
    const { clock, sent, lookup } = setUp(() => Code.RESOURCE_EXHAUSTED);
    const failed = lookup(1);
    await clock.advance(2000);
    expect(await failed).toBe('resource-exhausted PRODUCT_LIMIT');
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 100, 200]);
  });

  test('that recovers is not noticed', async () => {
    const { clock, lookup } = setUp((_, asked) => (asked < 3 ? Code.RESOURCE_EXHAUSTED : LAMP));
    const found = lookup(1);
    await clock.advance(2000);
    expect(await found).toEqual(LAMP);
  });
});

describe('a token of the request', () => {
  test('goes with the call, which shares neither flight nor cache', async () => {
    const { clock, sent, lookup } = setUp();
    const all = [lookup(1), lookup(1, { token: 'theirs' }), lookup(1, { token: 'theirs' })];
    await clock.advance(1000);
    await Promise.all(all);
    expect(sent.map(({ token }) => token)).toEqual(['ours', 'theirs', 'theirs']);
  });

  test('that is wrong is unauthenticated; a wrong configured one is our own trouble', async () => {
    const { clock, lookup } = setUp(() => Code.UNAUTHENTICATED);
    const [theirs, ours] = [lookup(1, { token: 'theirs' }), lookup(1)];
    await clock.advance(1000);
    expect(await theirs).toBe('unauthenticated WRONG_PRODUCT_TOKEN');
    expect(await ours).toBe('unavailable PRODUCT_UNAVAILABLE');
  });
});

for (const name of ['x'.repeat(501), 'a\0b']) {
  test(`a name beyond the bounds (${name.length} characters) is not stored`, async () => {
    const { clock, sent, lookup } = setUp(() => ({ name, price: 1 }));
    const failed = lookup(1);
    await clock.advance(100);
    expect(await failed).toBe('unavailable PRODUCT_UNAVAILABLE');
    const again = lookup(1);
    await clock.advance(100);
    await again;
    expect(sent).toHaveLength(2);
  });
}
