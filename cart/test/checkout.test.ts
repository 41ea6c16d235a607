import { describe, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { AppError } from '@tally/platform/errors';
import { Code, type RpcError } from '@tally/platform/grpc';
import { outcomeOf, waitUntil, withTimeout } from '@tally/platform/testing';

import { withKey } from './service.ts';
import { refusalOf, useShop } from './shopper.ts';

const shop = useShop();
const { add, checkout, contents } = shop;

describe('Checkout', () => {
  test('makes one order of the lines with the names and prices in the cart, and empties the cart', async () => {
    await add(2, 3n);
    await add(1, 2n);
    const { orderID } = await checkout();
    expect(orderID).toBeGreaterThan(0n);
    expect(shop.loms.fake.requests.at(-1)).toMatchObject({
      user: shop.user,
      items: [
        { sku: 1, count: 2n, name: 'product 1', price: 100 },
        { sku: 2, count: 3n, name: 'product 2', price: 100 },
      ],
    });
    expect(await contents()).toEqual([]);
  });

  test('an empty cart is refused with EMPTY_CART, which names the last order for ten minutes', async () => {
    const never = await refusalOf(checkout());
    expect([never.code, never.reason, never.domain, never.values]).toEqual([
      Code.FAILED_PRECONDITION,
      'EMPTY_CART',
      'cart',
      {},
    ]);
    await add(1, 1n);
    const { orderID } = await checkout();
    expect((await refusalOf(checkout())).values).toEqual({ lastOrderId: String(orderID) });
    await shop.database.advance(600_000);
    expect((await refusalOf(checkout())).values).toEqual({});
  });

  test('a shortage names the failed order; the cart keeps its lines, and the key can be used again', async () => {
    await add(1, 6n);
    shop.loms.fake.stock.set(1, 5);
    const key = randomUUID();
    const error = await refusalOf(checkout(withKey(key)));
    const failed = shop.loms.fake.orders.at(-1);
    expect([error.code, error.reason, error.domain]).toEqual([Code.FAILED_PRECONDITION, 'INSUFFICIENT_STOCK', 'loms']);
    expect(error.values).toEqual({
      orderId: String(failed?.id),
      shortages: '[{"sku":1,"requested":6,"available":5}]',
      total: '1',
    });
    expect(await contents()).toEqual([[1, 6]]);
    expect((await shop.database.checkoutsOf(shop.user))[0]).toMatchObject({ state: 'refused', order_id: failed?.id });
    shop.loms.fake.stock.set(1, 6);
    expect(await outcomeOf(checkout(withKey(key)))).toBe('OK');
  });

  test('twenty presses at the same time make one order, and every caller gets its id', async () => {
    await add(1, 2n);
    const before = shop.loms.fake.orders.length;
    const press = async () => {
      try {
        return (await checkout(withTimeout(10_000))).orderID;
      } catch (error) {
        return BigInt((error as RpcError).values['lastOrderId'] ?? 0);
      }
    };
    const ids = await Promise.all(Array.from({ length: 20 }, press));
    expect(new Set(ids).size).toBe(1);
    expect(shop.loms.fake.orders.length).toBe(before + 1);
    expect(await shop.database.checkoutsOf(shop.user)).toMatchObject([{ state: 'done', order_id: ids[0] }]);
  });

  test('each key of the joined presses returns their order later, even when the cart was filled again', async () => {
    await add(1, 2n);
    shop.loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(200);
      return proceed();
    };
    const [a, b] = await Promise.all([checkout(withKey('a')), checkout(withKey('b'))]);
    expect(a?.orderID).toBe(b?.orderID);
    expect((await refusalOf(checkout(withKey('c')))).values).toEqual({ lastOrderId: String(a?.orderID) });
    await add(1, 1n);
    for (const key of ['a', 'b', 'c']) expect((await checkout(withKey(key))).orderID).toBe(a?.orderID);
    expect(await contents()).toEqual([[1, 1]]);
  });

  test('only the ordered units leave the cart', async () => {
    await add(1, 2n);
    await add(2, 2n);
    shop.loms.fake.onCreate = async (proceed) => {
      await add(1, 5n);
      await shop.remove(2);
      await add(2, 2n);
      await add(3, 1n);
      return proceed();
    };
    await checkout();
    expect(await contents()).toEqual([
      [1, 5],
      [2, 2],
      [3, 1],
    ]);
  });

  test('a full queue of loms is answered with RESOURCE_EXHAUSTED CHECKOUT_PENDING; the next press joins', async () => {
    await add(1, 2n);
    shop.loms.fake.onCreate = () =>
      Promise.reject(new AppError('resource-exhausted', 'full', { reason: 'QUEUE_FULL', retryAfterMs: 500 }));
    const error = await refusalOf(checkout());
    expect([error.code, error.reason, error.domain, error.retryAfterMs]).toEqual([
      Code.RESOURCE_EXHAUSTED,
      'CHECKOUT_PENDING',
      'cart',
      500,
    ]);
    const first = shop.loms.fake.requests.at(-1)?.checkoutId;
    shop.loms.fake.onCreate = (proceed) => proceed();
    expect(await outcomeOf(checkout())).toBe('OK');
    expect(shop.loms.fake.requests.at(-1)?.checkoutId).toBe(first as string);
  });

  const undecided: [string, AppError | Error][] = [
    ['INVALID_ARGUMENT', new AppError('invalid-argument', 'no')],
    ['INTERNAL', new Error('a bug of loms')],
    ['NOT_FOUND', new AppError('not-found', 'no')],
    ['UNAVAILABLE', new AppError('unavailable', 'no')],
    [
      'a refusal that names no failed order',
      new AppError('failed-precondition', 'no', { reason: 'INSUFFICIENT_STOCK' }),
    ],
    ['LINE_TOO_LARGE', new AppError('failed-precondition', 'no', { reason: 'LINE_TOO_LARGE' })],
    ['ALREADY_EXISTS for another reason', new AppError('already-exists', 'no', { reason: 'IDEMPOTENCY_KEY_REUSED' })],
    ['RESOURCE_EXHAUSTED for another reason', new AppError('resource-exhausted', 'no', { reason: 'TOO_BUSY' })],
  ];
  for (const [name, failure] of undecided) {
    test(`${name} from loms is answered with UNAVAILABLE CHECKOUT_PENDING; the resumer makes one order`, async () => {
      await add(1, 2n);
      shop.loms.fake.onCreate = () => Promise.reject(failure);
      const error = await refusalOf(checkout(withKey('k')));
      expect([error.code, error.reason, error.retryAfterMs]).toEqual([Code.UNAVAILABLE, 'CHECKOUT_PENDING', 1000]);
      expect(error.message).toContain('same idempotency key');
      expect(await shop.database.checkoutsOf(shop.user)).toMatchObject([{ state: 'open', order_id: null }]);
      shop.loms.fake.onCreate = (proceed) => proceed();
      await shop.database.endClaims();
      await waitUntil(async () => (await shop.database.checkoutsOf(shop.user))[0]?.state === 'done', {
        what: 'the checkout is done',
      });
      const id = (await shop.database.checkoutsOf(shop.user))[0]?.order_id;
      expect((await checkout(withKey('k'))).orderID).toBe(id as bigint);
      expect(shop.loms.fake.orders.filter(({ userId }) => userId === shop.user)).toHaveLength(1);
      expect(await contents()).toEqual([]);
    });
  }

  test('a checkout whose lines loms cannot handle is refused after decide_before; the cart keeps them', async () => {
    await add(1, 2n);
    shop.loms.fake.onCreate = (proceed, { items }) =>
      items.length > 0 ? Promise.reject(new Error('a bug of loms')) : proceed();
    await refusalOf(checkout());
    await shop.database.advance(60_000);
    shop.loms.setClock(10_000_000);
    await shop.database.endClaims();
    await waitUntil(async () => (await shop.database.checkoutsOf(shop.user))[0]?.state === 'refused', {
      what: 'the checkout is refused',
    });
    expect(await contents()).toEqual([[1, 2]]);
    shop.loms.fake.onCreate = (proceed) => proceed();
    shop.loms.setClock(0);
  });

  test('a press after decide_before is refused with CHECKOUT_EXPIRED; the next one starts a new checkout', async () => {
    await add(1, 2n);
    shop.loms.fake.onCreate = () => Promise.reject(new AppError('unavailable', 'away'));
    await refusalOf(checkout(withTimeout(5000)));
    const { checkoutId } = shop.loms.fake.requests.at(-1) ?? {};
    shop.loms.fake.onCreate = (proceed) => proceed();
    shop.loms.setClock(10_000_000);
    await shop.database.advance(60_000);
    const error = await refusalOf(checkout());
    shop.loms.setClock(0);
    expect([error.code, error.reason, error.domain]).toEqual([Code.FAILED_PRECONDITION, 'CHECKOUT_EXPIRED', 'loms']);
    expect(shop.loms.fake.orders.at(-1)).toMatchObject({
      id: BigInt(error.values['orderId'] ?? 0),
      checkoutId,
      lines: [],
    });
    await shop.database.db.query(`update tally_clock set shift = '0'`);
    expect(await outcomeOf(checkout())).toBe('OK');
  });

  test('an id that is taken is answered with UNAVAILABLE CHECKOUT_CONFLICT, and an alarm is counted', async () => {
    await add(1, 2n);
    shop.loms.fake.onCreate = (proceed, { checkoutId }) => {
      const id = BigInt(shop.loms.fake.orders.length + 1);
      shop.loms.fake.orders.push({ id, userId: 1n, checkoutId, lines: [[9, 9]], refusal: undefined });
      return proceed();
    };
    const error = await refusalOf(checkout());
    const [stored] = await shop.database.checkoutsOf(shop.user);
    expect([error.code, error.reason, error.domain, error.retryAfterMs]).toEqual([
      Code.UNAVAILABLE,
      'CHECKOUT_CONFLICT',
      'cart',
      1000,
    ]);
    expect([error.values, stored?.state]).toEqual([{ checkoutId: stored?.id as string }, 'refused']);
    const metrics = await (await fetch(`http://127.0.0.1:${shop.cart.running.adminPort}/metrics`)).text();
    expect(metrics).toMatch(/cart_checkout_alarms_total\{alarm="taken"[^}]*\} 1/);
    shop.loms.fake.onCreate = (proceed) => proceed();
    expect(await outcomeOf(checkout())).toBe('OK');
  });

  test('a caller whose deadline passes gets DEADLINE_EXCEEDED, and the checkout is finished later', async () => {
    await add(1, 2n);
    shop.loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(600);
      return proceed();
    };
    const outcome = await outcomeOf(checkout(withTimeout(300)));
    expect(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED DEADLINE_EXCEEDED', 'UNAVAILABLE CHECKOUT_PENDING']).toContain(
      outcome,
    );
    shop.loms.fake.onCreate = (proceed) => proceed();
    await shop.database.endClaims();
    await waitUntil(async () => (await shop.database.checkoutsOf(shop.user))[0]?.state === 'done', {
      what: 'the checkout is done',
    });
    expect(shop.loms.fake.orders.filter(({ userId }) => userId === shop.user)).toHaveLength(1);
  });

  test('a checkout goes on when its caller goes away', async () => {
    await add(1, 2n);
    const caller = new AbortController();
    shop.loms.fake.onCreate = async (proceed) => {
      caller.abort();
      await Bun.sleep(100);
      return proceed();
    };
    expect(
      await outcomeOf(shop.cart.client.checkout({ user: shop.user }, { ...withTimeout(5000), signal: caller.signal })),
    ).toStartWith('CANCELLED');
    // The claim lasts for some seconds, so it is the call itself that finishes the checkout, and not a resumer.
    await waitUntil(async () => (await shop.database.checkoutsOf(shop.user))[0]?.state === 'done', {
      what: 'the checkout is done',
      timeoutMs: 2000,
    });
  });
});
