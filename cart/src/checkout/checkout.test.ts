import { describe, expect, test } from 'bun:test';

import { sleep } from '@tally/platform/concurrency';
import { Code, RpcError } from '@tally/platform/grpc';

import { PENDING, createCheckoutWorld, resume } from '../testing/checkout-world.ts';
import { transportError } from '../testing/fake-loms.ts';

describe('a press', () => {
  test('makes one order of what the cart holds, and empties the cart', async () => {
    const { fill, press, contents, loms, watched } = createCheckoutWorld();
    await fill();
    expect(await press()).toBe('1');
    expect(await contents()).toEqual([]);
    expect(loms.orders[0]?.lines).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(watched).toEqual(['ordered']);
  });

  test('of an empty cart is refused, and for ten minutes the refusal names the last order', async () => {
    const { fill, press, clock } = createCheckoutWorld();
    expect(await press()).toBe('failed-precondition EMPTY_CART');
    await fill();
    await press();
    expect(await press()).toBe('failed-precondition EMPTY_CART 1');
    await clock.advance(600_000);
    expect(await press()).toBe('failed-precondition EMPTY_CART');
  });

  test('that lacks stock is refused with the failed order, and the cart keeps its lines', async () => {
    const { fill, press, contents, loms } = createCheckoutWorld();
    await fill();
    loms.stock.set(2, 1);
    expect(await press('k')).toBe('failed-precondition INSUFFICIENT_STOCK 1');
    expect(await contents()).toEqual([
      [1, 2],
      [2, 3],
    ]);
    loms.stock.set(2, 5);
    expect(await press('k')).toBe('2');
  });

  test('makes one order together with 19 others at the same time, and every caller gets its id', async () => {
    const { fill, press, loms, clock } = createCheckoutWorld();
    await fill();
    loms.onCreate = async (proceed) => {
      await sleep(clock, 50);
      return proceed();
    };
    const all = Array.from({ length: 20 }, (_, i) => press(`key ${i}`));
    await clock.advance(100);
    expect(new Set(await Promise.all(all))).toEqual(new Set(['1']));
    expect(loms.orders).toHaveLength(1);
    expect(new Set(loms.requests.map(({ checkoutId }) => checkoutId)).size).toBe(1);
  });

  test('with a key gets the same order again, even after the cart was filled again', async () => {
    const { fill, press, loms, clock } = createCheckoutWorld();
    await fill();
    loms.onCreate = async (proceed) => {
      await sleep(clock, 50);
      return proceed();
    };
    const both = [press('a'), press('b')];
    await clock.advance(100);
    await Promise.all(both);
    expect(await press('c')).toBe('failed-precondition EMPTY_CART 1');
    await fill();
    await clock.advance(3_600_000);
    for (const key of ['a', 'b', 'c']) expect(await press(key)).toBe('1');
    const next = press('d');
    await clock.advance(100);
    expect(await next).toBe('2');
  });

  test('takes nothing from a cart that was cleared and filled again while loms was asked', async () => {
    const { fill, put, clear, press, contents, loms } = createCheckoutWorld();
    await fill();
    loms.onCreate = async (proceed) => {
      await clear();
      await put(1, 7);
      await put(3, 1);
      return proceed();
    };
    expect(await press()).toBe('1');
    expect(loms.orders[0]?.lines).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(await contents()).toEqual([
      [1, 7],
      [3, 1],
    ]);
  });

  test('whose checkout id is taken is refused with an alarm, and the next press starts a new checkout', async () => {
    const { fill, press, contents, loms, watched, findCheckout } = createCheckoutWorld();
    await fill();
    loms.onCreate = (proceed, { checkoutId }) => {
      if (loms.orders.length > 0) return proceed();
      loms.orders.push({ id: 1n, userId: 99n, checkoutId, lines: [[5, 1]], refusal: undefined });
      return proceed();
    };
    expect(await press('k')).toBe('unavailable CHECKOUT_CONFLICT');
    expect(watched).toEqual(['taken', 'alarm: taken']);
    expect(await findCheckout(loms.requests[0]?.checkoutId ?? '')).toMatchObject({ state: 'refused', orderId: null });
    expect(await contents()).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(await press('k')).toBe('2');
  });

  test('in progress is awaited when the checkouts are disposed, even if its caller went away', async () => {
    const { fill, press, checkouts, loms, clock } = createCheckoutWorld();
    await fill();
    loms.onCreate = async (proceed) => {
      await sleep(clock, 50);
      return proceed();
    };
    void press();
    let hasEnded = false;
    const ended = checkouts[Symbol.asyncDispose]().then(() => (hasEnded = true));
    await clock.advance(49);
    expect(hasEnded).toBe(false);
    await clock.advance(1);
    await ended;
    expect(loms.orders).toHaveLength(1);
  });
});

describe('an answer that does not end a checkout', () => {
  const codes = Object.values(Code).filter((code): code is Code => typeof code === 'number' && code !== Code.OK);
  const loms = (code: Code, reason: string) => new RpcError({ code, message: 'no', domain: 'loms', reason });
  const failures: [string, RpcError, string][] = [
    ...codes.map((code): [string, RpcError, string] => [
      `${Code[code]} from the transport`,
      transportError(code),
      PENDING,
    ]),
    ['QUEUE_FULL', loms(Code.RESOURCE_EXHAUSTED, 'QUEUE_FULL'), 'resource-exhausted CHECKOUT_PENDING'],
    ['INVALID_ARGUMENT from loms', loms(Code.INVALID_ARGUMENT, 'INVALID_REQUEST'), PENDING],
    ['INTERNAL from loms', loms(Code.INTERNAL, 'INTERNAL'), PENDING],
    ['LINE_TOO_LARGE', loms(Code.FAILED_PRECONDITION, 'LINE_TOO_LARGE'), PENDING],
    ['UNAVAILABLE from loms', loms(Code.UNAVAILABLE, 'NOT_DECIDED'), PENDING],
  ];
  for (const [name, failure, answer] of failures) {
    test(`${name}: the checkout stays open, a press joins it, and the resumer finishes it with one order`, async () => {
      const world = createCheckoutWorld();
      await world.fill();
      world.loms.onCreate = () => Promise.reject(failure);
      expect(await world.press('k')).toBe(answer);
      expect(await world.press()).toBe(answer);
      const [first, second] = world.loms.requests;
      expect(second?.checkoutId).toBe(first?.checkoutId as string);
      world.loms.onCreate = (proceed) => proceed();
      expect(await resume(world)).toEqual([]);
      expect(world.loms.orders).toHaveLength(1);
      expect(await world.contents()).toEqual([]);
      expect(await world.press('k')).toBe('1');
    });

    test(`${name} for every request with lines: after decide_before the checkout ends without an order`, async () => {
      const world = createCheckoutWorld();
      await world.fill();
      world.loms.onCreate = (proceed, { items }) => (items.length > 0 ? Promise.reject(failure) : proceed());
      expect(await world.press('k')).toBe(answer);
      await resume(world, 70_000);
      expect(world.loms.orders.map(({ refusal, lines }) => [refusal?.reason, lines])).toEqual([
        ['CHECKOUT_EXPIRED', []],
      ]);
      expect(await world.contents()).toEqual([
        [1, 2],
        [2, 3],
      ]);
      world.loms.onCreate = (proceed) => proceed();
      expect(await world.press('k')).toBe('2');
    });
  }
});
