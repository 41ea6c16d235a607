import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { AppError } from '@tally/platform/errors';
import type { RpcError } from '@tally/platform/grpc';
import { failureOfCall, outcomeOf, sendRaw, waitUntil } from '@tally/platform/testing';

import { type CartDatabase, openCartDatabase } from './database.ts';
import {
  type LomsNeighbour,
  type ProductNeighbour,
  type TestCart,
  openCart,
  openFakeLoms,
  openFakeProducts,
  withKey,
  within,
} from './service.ts';

let database: CartDatabase;
let loms: LomsNeighbour;
let products: ProductNeighbour;
let cart: TestCart;
let user = 1000n;

beforeAll(async () => {
  [database, loms, products] = await Promise.all([openCartDatabase(), openFakeLoms(), openFakeProducts()]);
  cart = await openCart({ databaseUrl: database.url, loms, products });
});

afterAll(async () => {
  for (const each of [cart, loms, products, database]) await each[Symbol.asyncDispose]();
});

// A new shopper and plenty of stock for each test. Look-ups are ten a second: few skus, and the cache, keep it short.
beforeEach(() => {
  user += 1n;
  for (const sku of [1, 2, 3]) loms.fake.stock.set(sku, 1_000_000);
  loms.fake.onCreate = (proceed) => proceed();
  loms.fake.onStockInfo = async (proceed) => proceed();
});

const add = (sku: number, count: bigint, options = within(5000)) =>
  cart.client.addItem({ user, item: { user, sku, count } }, options);
const checkout = (options = within(5000)) => cart.client.checkout({ user }, options);
const list = async (options = within(5000)) => {
  const { items, totalPrice } = await cart.client.list({ user }, options);
  return { lines: items.map(({ sku, count, name, price }) => [sku, Number(count), name, price]), totalPrice };
};
const contents = async () => (await list()).lines.map(([sku, count]) => [sku, count]);

async function refusalOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await failureOfCall(call);
  if (error === undefined) throw new Error('expected a refusal');
  return error;
}

/** A cart of this many lines, past the rules. */
async function stuff(lines: number, count: number): Promise<void> {
  await database.db.query('insert into carts values ($1) on conflict do nothing', [user]);
  await database.db.query(
    `insert into cart_items (user_id, sku, count, name, price)
     select $1, 3000000000 + n, $3, 'stuffed', 1 from generate_series(1, $2) n`,
    [user, lines, count],
  );
}

describe('AddItem', () => {
  test('adds, and sums the counts of a sku', async () => {
    await add(1, 2n);
    await add(1, 3n);
    expect(await list()).toEqual({ lines: [[1, 5, 'product 1', 100]], totalPrice: 500n });
  });

  test('ignores the user of the item', async () => {
    await cart.client.addItem({ user, item: { user: -5n, sku: 1, count: 1n } }, within(5000));
    expect(await contents()).toEqual([[1, 1]]);
  });

  test('an unknown sku: UNKNOWN_SKU', async () => {
    const error = await refusalOf(add(5000, 1n));
    expect([error.code, error.reason, error.domain, error.values]).toEqual([9, 'UNKNOWN_SKU', 'cart', { sku: '5000' }]);
  });

  test('a thousand lines: CART_FULL, but for a sku that is there', async () => {
    await stuff(999, 1);
    await add(1, 1n);
    const error = await refusalOf(add(2, 1n));
    expect([error.code, error.reason, error.values]).toEqual([9, 'CART_FULL', { limit: '1000' }]);
    expect(await outcomeOf(add(1, 1n))).toBe('OK');
  });

  test('a line above 65535: CART_FULL', async () => {
    await add(1, 65_535n);
    const error = await refusalOf(add(1, 1n));
    expect([error.reason, error.values]).toEqual(['CART_FULL', { sku: '1', requested: '65536', limit: '65535' }]);
  });

  test('too little stock for all that the cart then holds: INSUFFICIENT_STOCK', async () => {
    loms.fake.stock.set(1, 5);
    await add(1, 3n);
    const error = await refusalOf(add(1, 3n));
    expect([error.code, error.reason, error.domain]).toEqual([9, 'INSUFFICIENT_STOCK', 'cart']);
    expect(JSON.parse(error.values['shortages'] ?? '')).toEqual([{ sku: 1, requested: 6, available: 5 }]);
    expect(error.values['total']).toBe('1');
  });

  test('a sku without stock: INSUFFICIENT_STOCK', async () => {
    loms.fake.stock.delete(3);
    expect(await outcomeOf(add(3, 1n))).toBe('FAILED_PRECONDITION INSUFFICIENT_STOCK');
  });

  test('refuses in the order of the contract', async () => {
    await stuff(1000, 1);
    loms.fake.stock.set(2, 0);
    expect(await outcomeOf(add(5000, 1n))).toBe('FAILED_PRECONDITION UNKNOWN_SKU');
    expect(await outcomeOf(add(2, 1n))).toBe('FAILED_PRECONDITION CART_FULL');
    loms.fake.onStockInfo = () => Promise.reject(new AppError('unavailable', 'away'));
    expect(await outcomeOf(add(2, 1n))).toBe('FAILED_PRECONDITION CART_FULL');
  });

  test('does not count twice what an open checkout has frozen', async () => {
    loms.fake.stock.set(1, 10);
    await add(1, 6n);
    loms.fake.onCreate = async (proceed) => {
      await proceed();
      throw new AppError('unavailable', 'the answer is lost');
    };
    expect(await outcomeOf(checkout())).toBe('UNAVAILABLE CHECKOUT_PENDING');
    expect(await outcomeOf(add(1, 4n))).toBe('OK');
    expect(await outcomeOf(add(1, 1n))).toBe('FAILED_PRECONDITION INSUFFICIENT_STOCK');
  });

  test('fifty at once all count', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => add((i % 2) + 1, 1n, within(10_000))));
    expect(await contents()).toEqual([[1, 25], [2, 25]]);
  });

  test('a key counts once, at once or again', async () => {
    const key = randomUUID();
    await Promise.all(Array.from({ length: 10 }, () => add(1, 2n, withKey(key))));
    loms.fake.stock.set(1, 0);
    await add(1, 2n, withKey(key));
    expect(await contents()).toEqual([[1, 2]]);
  });

  test('a key with another request: IDEMPOTENCY_KEY_REUSED; of another user it is another key', async () => {
    const key = randomUUID();
    await add(1, 2n, withKey(key));
    const error = await refusalOf(add(1, 3n, withKey(key)));
    expect([error.code, error.reason, error.values]).toEqual([6, 'IDEMPOTENCY_KEY_REUSED', { key }]);
    expect(await contents()).toEqual([[1, 2]]);
    user += 1n;
    await add(1, 3n, withKey(key));
    expect(await contents()).toEqual([[1, 3]]);
  });

  test('a refusal does not burn its key', async () => {
    const key = randomUUID();
    loms.fake.stock.set(1, 1);
    expect(await outcomeOf(add(1, 2n, withKey(key)))).toBe('FAILED_PRECONDITION INSUFFICIENT_STOCK');
    loms.fake.stock.set(1, 2);
    expect(await outcomeOf(add(1, 2n, withKey(key)))).toBe('OK');
  });

  test('the token of the request goes to the product service; a wrong one is UNAUTHENTICATED', async () => {
    const headers = (token: string) => within(5000, { 'x-product-token': token });
    await add(1, 1n, headers('theirs'));
    expect(products.tokens.at(-1)).toBe('theirs');
    expect(await outcomeOf(add(1, 1n, headers('wrong')))).toBe('UNAUTHENTICATED WRONG_PRODUCT_TOKEN');
    expect(await outcomeOf(list(headers('wrong')))).toBe('UNAUTHENTICATED WRONG_PRODUCT_TOKEN');
  });

  test('a wrong configured token, and a name beyond the bounds: UNAVAILABLE, and nothing is stored', async () => {
    products.catalogue.set(1900, { name: 'x'.repeat(501), price: 1 });
    loms.fake.stock.set(1900, 5);
    const error = await refusalOf(add(1900, 1n));
    expect([error.code, error.reason, error.retryAfterMs]).toEqual([14, 'PRODUCT_UNAVAILABLE', 1000]);
    await using misled = await openCart({ databaseUrl: database.url, loms, products }, { productToken: 'wrong' });
    const call = misled.client.addItem({ user, item: { sku: 2, count: 1n } }, within(5000));
    expect(await outcomeOf(call)).toBe('UNAVAILABLE PRODUCT_UNAVAILABLE');
    expect(await contents()).toEqual([]);
  });

  test('more look-ups than the product service allows in time: RESOURCE_EXHAUSTED PRODUCT_LIMIT', async () => {
    const calls = Array.from({ length: 20 }, (_, i) => failureOfCall(add(1000 + i, 1n, within(900))));
    const refused = (await Promise.all(calls)).filter((error) => error?.reason === 'PRODUCT_LIMIT');
    expect(refused.length).toBeGreaterThan(5);
    expect(refused[0]?.code).toBe(8);
    expect(refused[0]?.retryAfterMs).toBeGreaterThan(0);
  });
});

describe('DeleteItem, Clear, List', () => {
  test('a sku is taken out, and absent is fine', async () => {
    await add(1, 1n);
    await add(2, 1n);
    const remove = (sku: number) => cart.client.deleteItem({ user, sku }, within(5000));
    expect([await outcomeOf(remove(2)), await outcomeOf(remove(2)), await outcomeOf(remove(4_294_967_295))]).toEqual(['OK', 'OK', 'OK']);
    expect(await contents()).toEqual([[1, 1]]);
  });

  test('all is taken out, and empty is fine', async () => {
    await add(1, 1n);
    await add(2, 1n);
    const clear = () => outcomeOf(cart.client.clear({ user }, within(5000)));
    expect([await clear(), await clear()]).toEqual(['OK', 'OK']);
    expect(await list()).toEqual({ lines: [], totalPrice: 0n });
  });

  test('lines come by sku, and the total does not overflow', async () => {
    const dear = { name: 'dear', price: 4_294_967_295 };
    for (const sku of [1901, 1902, 1903]) {
      products.catalogue.set(sku, dear);
      loms.fake.stock.set(sku, 65_535);
    }
    for (const sku of [1903, 1901, 1902]) await add(sku, 65_535n);
    const { lines, totalPrice } = await list();
    expect(lines.map(([sku]) => sku)).toEqual([1901, 1902, 1903]);
    expect(totalPrice).toBe(3n * 65_535n * 4_294_967_295n);
  });

  test('a changed name or price is shown and kept; a product that is gone keeps its last ones', async () => {
    const theirs = within(5000, { 'x-product-token': 'theirs' });
    products.catalogue.set(1910, { name: 'old', price: 1 });
    loms.fake.stock.set(1910, 5);
    await add(1910, 1n, theirs);
    products.catalogue.set(1910, { name: 'new', price: 2 });
    expect((await list(theirs)).lines).toEqual([[1910, 1, 'new', 2]]);
    products.catalogue.delete(1910);
    expect((await list(theirs)).lines).toEqual([[1910, 1, 'new', 2]]);
    await checkout();
    expect(loms.fake.requests.at(-1)?.items[0]).toMatchObject({ name: 'new', price: 2 });
  });
});

describe('Checkout', () => {
  test('makes one order of the lines as the shopper saw them, and empties the cart', async () => {
    await add(2, 3n);
    await add(1, 2n);
    const { orderID } = await checkout();
    expect(orderID).toBeGreaterThan(0n);
    expect(loms.fake.requests.at(-1)).toMatchObject({
      user,
      items: [
        { sku: 1, count: 2n, name: 'product 1', price: 100 },
        { sku: 2, count: 3n, name: 'product 2', price: 100 },
      ],
    });
    expect(await contents()).toEqual([]);
  });

  test('an empty cart: EMPTY_CART, with the last order for ten minutes', async () => {
    const never = await refusalOf(checkout());
    expect([never.code, never.reason, never.domain, never.values]).toEqual([9, 'EMPTY_CART', 'cart', {}]);
    await add(1, 1n);
    const { orderID } = await checkout();
    expect((await refusalOf(checkout())).values).toEqual({ lastOrderId: String(orderID) });
    await database.advance(600_000);
    expect((await refusalOf(checkout())).values).toEqual({});
  });

  test('a shortage: the refusal of loms, with the failed order and what is missing; the cart stays, the key is free', async () => {
    await add(1, 6n);
    loms.fake.stock.set(1, 5);
    const key = randomUUID();
    const error = await refusalOf(checkout(withKey(key)));
    const failed = loms.fake.orders.at(-1);
    expect([error.code, error.reason, error.domain]).toEqual([9, 'INSUFFICIENT_STOCK', 'loms']);
    expect(error.values).toEqual({
      orderId: String(failed?.id),
      shortages: '[{"sku":1,"requested":6,"available":5}]',
      total: '1',
    });
    expect(await contents()).toEqual([[1, 6]]);
    expect((await database.checkoutsOf(user))[0]).toMatchObject({ state: 'refused', order_id: failed?.id });
    loms.fake.stock.set(1, 6);
    expect(await outcomeOf(checkout(withKey(key)))).toBe('OK');
  });

  test('twenty presses at once make one order, and every caller hears its id', async () => {
    await add(1, 2n);
    const before = loms.fake.orders.length;
    const press = async () => {
      try {
        return (await checkout(within(10_000))).orderID;
      } catch (error) {
        return BigInt((error as RpcError).values['lastOrderId'] ?? 0);
      }
    };
    const ids = await Promise.all(Array.from({ length: 20 }, press));
    expect(new Set(ids).size).toBe(1);
    expect(loms.fake.orders.length).toBe(before + 1);
    expect(await database.checkoutsOf(user)).toMatchObject([{ state: 'done', order_id: ids[0] }]);
  });

  test('presses that join one checkout with two keys: each finds that order ever after, the cart filled again or not', async () => {
    await add(1, 2n);
    loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(200);
      return proceed();
    };
    const [a, b] = await Promise.all([checkout(withKey('a')), checkout(withKey('b'))]);
    expect(a?.orderID).toBe(b?.orderID as bigint);
    expect((await refusalOf(checkout(withKey('c')))).values).toEqual({ lastOrderId: String(a?.orderID) });
    await add(1, 1n);
    for (const key of ['a', 'b', 'c']) expect((await checkout(withKey(key))).orderID).toBe(a?.orderID as bigint);
    expect(await contents()).toEqual([[1, 1]]);
  });

  test('only the ordered counts leave the cart', async () => {
    await add(1, 2n);
    await add(2, 2n);
    loms.fake.onCreate = async (proceed) => {
      await add(1, 5n);
      await cart.client.deleteItem({ user, sku: 2 }, within(5000));
      await add(2, 2n);
      await add(3, 1n);
      return proceed();
    };
    await checkout();
    expect(await contents()).toEqual([[1, 5], [2, 2], [3, 1]]);
  });

  test('a full queue: RESOURCE_EXHAUSTED CHECKOUT_PENDING, and pressing again joins it', async () => {
    await add(1, 2n);
    loms.fake.onCreate = () =>
      Promise.reject(new AppError('resource-exhausted', 'full', { reason: 'QUEUE_FULL', retryAfterMs: 500 }));
    const error = await refusalOf(checkout());
    expect([error.code, error.reason, error.domain, error.retryAfterMs]).toEqual([8, 'CHECKOUT_PENDING', 'cart', 500]);
    const first = loms.fake.requests.at(-1)?.checkoutId;
    loms.fake.onCreate = (proceed) => proceed();
    expect(await outcomeOf(checkout())).toBe('OK');
    expect(loms.fake.requests.at(-1)?.checkoutId).toBe(first as string);
  });

  const open: [string, AppError | Error][] = [
    ['INVALID_ARGUMENT', new AppError('invalid-argument', 'no')],
    ['INTERNAL', new Error('a bug of loms')],
    ['NOT_FOUND', new AppError('not-found', 'no')],
    ['UNAVAILABLE', new AppError('unavailable', 'no')],
    ['a failed order that is not named', new AppError('failed-precondition', 'no', { reason: 'INSUFFICIENT_STOCK' })],
    ['LINE_TOO_LARGE', new AppError('failed-precondition', 'no', { reason: 'LINE_TOO_LARGE' })],
    ['ALREADY_EXISTS for another reason', new AppError('already-exists', 'no', { reason: 'IDEMPOTENCY_KEY_REUSED' })],
    ['RESOURCE_EXHAUSTED for another reason', new AppError('resource-exhausted', 'no', { reason: 'TOO_BUSY' })],
  ];
  for (const [name, failure] of open) {
    test(`${name} of loms: UNAVAILABLE CHECKOUT_PENDING; it stays open, and the resumer ends it with one order`, async () => {
      await add(1, 2n);
      loms.fake.onCreate = () => Promise.reject(failure);
      const error = await refusalOf(checkout(withKey('k')));
      expect([error.code, error.reason, error.retryAfterMs]).toEqual([14, 'CHECKOUT_PENDING', 1000]);
      expect(error.message).toContain('same idempotency key');
      expect(await database.checkoutsOf(user)).toMatchObject([{ state: 'open', order_id: null }]);
      loms.fake.onCreate = (proceed) => proceed();
      await database.endClaims();
      await waitUntil(async () => (await database.checkoutsOf(user))[0]?.state === 'done', { what: 'it is done' });
      const id = (await database.checkoutsOf(user))[0]?.order_id;
      expect((await checkout(withKey('k'))).orderID).toBe(id as bigint);
      expect(loms.fake.orders.filter(({ userId }) => userId === user)).toHaveLength(1);
      expect(await contents()).toEqual([]);
    });
  }

  test('an order that breaks loms for ever ends refused, without its lines', async () => {
    await add(1, 2n);
    loms.fake.onCreate = (proceed, { items }) => (items.length > 0 ? Promise.reject(new Error('a bug of loms')) : proceed());
    await refusalOf(checkout());
    await database.advance(60_000);
    loms.setClock(10_000_000);
    await database.endClaims();
    await waitUntil(async () => (await database.checkoutsOf(user))[0]?.state === 'refused', { what: 'it is refused' });
    expect(await contents()).toEqual([[1, 2]]);
    loms.fake.onCreate = (proceed) => proceed();
    loms.setClock(0);
  });

  test('past decide_before a press is told CHECKOUT_EXPIRED, and the next one is a new checkout', async () => {
    await add(1, 2n);
    loms.fake.onCreate = () => Promise.reject(new AppError('unavailable', 'away'));
    await refusalOf(checkout(within(5000)));
    const { checkoutId } = loms.fake.requests.at(-1) ?? {};
    loms.fake.onCreate = (proceed) => proceed();
    loms.setClock(10_000_000);
    await database.advance(60_000);
    const error = await refusalOf(checkout());
    loms.setClock(0);
    expect([error.code, error.reason, error.domain]).toEqual([9, 'CHECKOUT_EXPIRED', 'loms']);
    expect(loms.fake.orders.at(-1)).toMatchObject({ id: BigInt(error.values['orderId'] ?? 0), checkoutId, lines: [] });
    await database.db.query(`update tally_clock set shift = '0'`);
    expect(await outcomeOf(checkout())).toBe('OK');
  });

  test('a stranger used the id: UNAVAILABLE CHECKOUT_CONFLICT, and an alarm in the metrics', async () => {
    await add(1, 2n);
    loms.fake.onCreate = (proceed, { checkoutId }) => {
      const id = BigInt(loms.fake.orders.length + 1);
      loms.fake.orders.push({ id, userId: 1n, checkoutId, lines: [[9, 9]], refusal: undefined });
      return proceed();
    };
    const error = await refusalOf(checkout());
    const [stored] = await database.checkoutsOf(user);
    expect([error.code, error.reason, error.domain, error.retryAfterMs]).toEqual([14, 'CHECKOUT_CONFLICT', 'cart', 1000]);
    expect([error.values, stored?.state]).toEqual([{ checkoutId: stored?.id as string }, 'refused']);
    const metrics = await (await fetch(`http://127.0.0.1:${cart.running.adminPort}/metrics`)).text();
    expect(metrics).toMatch(/cart_checkout_alarms_total\{alarm="taken"[^}]*\} 1/);
    loms.fake.onCreate = (proceed) => proceed();
    expect(await outcomeOf(checkout())).toBe('OK');
  });

  test('a caller whose time is up hears DEADLINE_EXCEEDED, and the checkout goes on', async () => {
    await add(1, 2n);
    loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(600);
      return proceed();
    };
    const outcome = await outcomeOf(checkout(within(300)));
    expect(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED DEADLINE_EXCEEDED', 'UNAVAILABLE CHECKOUT_PENDING']).toContain(outcome);
    loms.fake.onCreate = (proceed) => proceed();
    await database.endClaims();
    await waitUntil(async () => (await database.checkoutsOf(user))[0]?.state === 'done', { what: 'it is done' });
    expect(loms.fake.orders.filter(({ userId }) => userId === user)).toHaveLength(1);
  });

  test('a caller who goes away does not stop it', async () => {
    await add(1, 2n);
    const caller = new AbortController();
    loms.fake.onCreate = async (proceed) => {
      caller.abort();
      await Bun.sleep(100);
      return proceed();
    };
    expect(await outcomeOf(cart.client.checkout({ user }, { ...within(5000), signal: caller.signal }))).toStartWith('CANCELLED');
    // Its claim lasts for seconds: the caller's own press ends it, no resumer.
    await waitUntil(async () => (await database.checkoutsOf(user))[0]?.state === 'done', { what: 'it is done', timeoutMs: 2000 });
  });
});

describe('bounds', () => {
  const MAX = 2n ** 63n - 1n;
  const wrong = 'INVALID_ARGUMENT INVALID_REQUEST';
  const addAs = (asUser: bigint, sku: number, count: bigint) => () =>
    cart.client.addItem({ user: asUser, item: { sku, count } }, within(5000));
  const others: Record<string, (asUser: bigint) => Promise<unknown>> = {
    DeleteItem: (asUser) => cart.client.deleteItem({ user: asUser, sku: 1 }, within(5000)),
    List: (asUser) => cart.client.list({ user: asUser }, within(5000)),
    Clear: (asUser) => cart.client.clear({ user: asUser }, within(5000)),
    Checkout: (asUser) => cart.client.checkout({ user: asUser }, within(5000)),
  };
  const table: [string, () => Promise<unknown>, string][] = [
    ['AddItem user 0', addAs(0n, 1, 1n), wrong],
    ['AddItem user -1', addAs(-1n, 1, 1n), wrong],
    ['AddItem user 2^53+1', addAs(2n ** 53n + 1n, 1, 1n), 'OK'],
    ['AddItem user 2^63-1', addAs(MAX, 1, 1n), 'OK'],
    ['AddItem sku 0', addAs(1n, 0, 1n), wrong],
    ['AddItem sku 2^32-1', addAs(1n, 4_294_967_295, 1n), 'FAILED_PRECONDITION UNKNOWN_SKU'],
    ['AddItem count 0', addAs(1n, 1, 0n), wrong],
    ['AddItem count 65535', addAs(1n, 2, 65_535n), 'OK'],
    ['AddItem count 65536', addAs(1n, 1, 65_536n), wrong],
    ['AddItem count 2^32-1', addAs(1n, 1, 4_294_967_295n), wrong],
    ['AddItem count 2^53+1', addAs(1n, 1, 2n ** 53n + 1n), wrong],
    ['AddItem count 2^63-1', addAs(1n, 1, MAX), wrong],
    ['AddItem count 2^64-1', addAs(1n, 1, 2n ** 64n - 1n), wrong],
    ['AddItem without an item', () => cart.client.addItem({ user: 1n }, within(5000)), wrong],
    ['DeleteItem sku 0', () => cart.client.deleteItem({ user: 1n, sku: 0 }, within(5000)), wrong],
    ['DeleteItem sku 2^32-1', () => cart.client.deleteItem({ user: 1n, sku: 4_294_967_295 }, within(5000)), 'OK'],
    ['AddItem with a key of 255', () => add(1, 1n, withKey('~'.repeat(255))), 'OK'],
    ['AddItem with a key of 256', () => add(1, 1n, withKey('~'.repeat(256))), wrong],
    ['Checkout with a key with a space', () => checkout(withKey('a b')), wrong],
  ];
  for (const [method, call] of Object.entries(others)) {
    const fine = method === 'Checkout' ? 'FAILED_PRECONDITION EMPTY_CART' : 'OK';
    table.push([`${method} user 0`, () => call(0n), wrong], [`${method} user -1`, () => call(-1n), wrong]);
    table.push([`${method} user -2^63`, () => call(-(2n ** 63n)), wrong]);
    for (const [name, id] of [['2^32-1', 2n ** 32n - 1n], ['2^53+3', 2n ** 53n + 3n], ['2^63-2', MAX - 1n]] as const) {
      table.push([`${method} user ${name}`, () => call(id), fine]);
    }
  }
  for (const [name, call, outcome] of table) {
    test(`${name}: ${outcome}`, async () => expect(await outcomeOf(call())).toBe(outcome));
  }

  test('users that differ in the last bit have carts of their own', async () => {
    const users = [2n ** 53n + 10n, 2n ** 53n + 11n];
    await cart.client.addItem({ user: users[1] as bigint, item: { sku: 1, count: 4n } }, within(5000));
    const lists = await Promise.all(users.map((each) => cart.client.list({ user: each }, within(5000))));
    expect(lists.map(({ items }) => items.length)).toEqual([0, 1]);
  });

  test('all violations of a request come in one answer', async () => {
    const error = await refusalOf(cart.client.addItem({ user: 0n, item: { sku: 0, count: 0n } }, within(5000)));
    expect(error.violations.map(({ field }) => field).toSorted()).toEqual(['item.count', 'item.sku', 'user']);
  });

  for (const method of ['AddItem', 'DeleteItem', 'List', 'Clear', 'Checkout']) {
    test(`bytes that are no message are refused by ${method}, and the service lives on`, async () => {
      const error = await sendRaw(cart.address, `/cart.Cart/${method}`, new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0xff]));
      expect([error?.code, error?.reason]).toEqual([3, 'MALFORMED_REQUEST']);
      expect(await contents()).toEqual([]);
    });
  }
});
