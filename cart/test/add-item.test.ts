import { describe, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { AppError } from '@tally/platform/errors';
import { Code } from '@tally/platform/grpc';
import { failureOfCall, outcomeOf, withTimeout } from '@tally/platform/testing';

import { openCart, withKey } from './service.ts';
import { refusalOf, useShop } from './shopper.ts';

const shop = useShop();
const { add, checkout, list, contents } = shop;

/** Puts this many lines of other skus into the cart, directly in the database. */
async function insertLines(lines: number, count: number): Promise<void> {
  await shop.database.db.query('insert into carts values ($1) on conflict do nothing', [shop.user]);
  await shop.database.db.query(
    `insert into cart_items (user_id, sku, count, name, price)
     select $1, 3000000000 + n, $3, 'inserted', 1 from generate_series(1, $2) n`,
    [shop.user, lines, count],
  );
}

describe('AddItem', () => {
  test('adds units, and sums the units of one sku', async () => {
    await add(1, 2n);
    await add(1, 3n);
    expect(await list()).toEqual({ lines: [[1, 5, 'product 1', 100]], totalPrice: 500n });
  });

  test('ignores the user in the item', async () => {
    await shop.cart.client.addItem({ user: shop.user, item: { user: -5n, sku: 1, count: 1n } }, withTimeout(5000));
    expect(await contents()).toEqual([[1, 1]]);
  });

  test('an unknown sku is refused with UNKNOWN_SKU', async () => {
    const error = await refusalOf(add(5000, 1n));
    expect([error.code, error.reason, error.domain, error.values]).toEqual([
      Code.FAILED_PRECONDITION,
      'UNKNOWN_SKU',
      'cart',
      { sku: '5000' },
    ]);
  });

  test('a new sku is refused with CART_FULL when the cart has 1,000 lines; a sku that it holds is not', async () => {
    await insertLines(999, 1);
    await add(1, 1n);
    const error = await refusalOf(add(2, 1n));
    expect([error.code, error.reason, error.values]).toEqual([
      Code.FAILED_PRECONDITION,
      'CART_FULL',
      { limit: '1000' },
    ]);
    expect(await outcomeOf(add(1, 1n))).toBe('OK');
  });

  test('more than 65,535 units of a sku are refused with CART_FULL', async () => {
    await add(1, 65_535n);
    const error = await refusalOf(add(1, 1n));
    expect([error.reason, error.values]).toEqual(['CART_FULL', { sku: '1', requested: '65536', limit: '65535' }]);
  });

  test('too little stock for all units of the sku in the cart is refused with INSUFFICIENT_STOCK', async () => {
    shop.loms.fake.stock.set(1, 5);
    await add(1, 3n);
    const error = await refusalOf(add(1, 3n));
    expect([error.code, error.reason, error.domain]).toEqual([Code.FAILED_PRECONDITION, 'INSUFFICIENT_STOCK', 'cart']);
    expect(JSON.parse(error.values['shortages'] ?? '')).toEqual([{ sku: 1, requested: 6, available: 5 }]);
    expect(error.values['total']).toBe('1');
  });

  test('a sku without stock is refused with INSUFFICIENT_STOCK', async () => {
    shop.loms.fake.stock.delete(3);
    expect(await outcomeOf(add(3, 1n))).toBe('FAILED_PRECONDITION INSUFFICIENT_STOCK');
  });

  test('checks the product, then the room in the cart, then the stock', async () => {
    await insertLines(1000, 1);
    shop.loms.fake.stock.set(2, 0);
    expect(await outcomeOf(add(5000, 1n))).toBe('FAILED_PRECONDITION UNKNOWN_SKU');
    expect(await outcomeOf(add(2, 1n))).toBe('FAILED_PRECONDITION CART_FULL');
    shop.loms.fake.onStockInfo = () => Promise.reject(new AppError('unavailable', 'away'));
    expect(await outcomeOf(add(2, 1n))).toBe('FAILED_PRECONDITION CART_FULL');
  });

  test('needs no stock for units that the open checkout froze', async () => {
    shop.loms.fake.stock.set(1, 10);
    await add(1, 6n);
    shop.loms.fake.onCreate = async (proceed) => {
      await proceed();
      throw new AppError('unavailable', 'the answer is lost');
    };
    expect(await outcomeOf(checkout())).toBe('UNAVAILABLE CHECKOUT_PENDING');
    expect(await outcomeOf(add(1, 4n))).toBe('OK');
    expect(await outcomeOf(add(1, 1n))).toBe('FAILED_PRECONDITION INSUFFICIENT_STOCK');
  });

  test('fifty calls at the same time all count', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => add((i % 2) + 1, 1n, withTimeout(10_000))));
    expect(await contents()).toEqual([
      [1, 25],
      [2, 25],
    ]);
  });

  test('calls with the same key count once, at the same time or later', async () => {
    const key = randomUUID();
    await Promise.all(Array.from({ length: 10 }, () => add(1, 2n, withKey(key))));
    shop.loms.fake.stock.set(1, 0);
    await add(1, 2n, withKey(key));
    expect(await contents()).toEqual([[1, 2]]);
  });

  test('a key with another request is refused with IDEMPOTENCY_KEY_REUSED; another user may use it', async () => {
    const key = randomUUID();
    await add(1, 2n, withKey(key));
    const error = await refusalOf(add(1, 3n, withKey(key)));
    expect([error.code, error.reason, error.values]).toEqual([Code.ALREADY_EXISTS, 'IDEMPOTENCY_KEY_REUSED', { key }]);
    expect(await contents()).toEqual([[1, 2]]);
    shop.user += 1n;
    await add(1, 3n, withKey(key));
    expect(await contents()).toEqual([[1, 3]]);
  });

  test('a refusal does not use the key up', async () => {
    const key = randomUUID();
    shop.loms.fake.stock.set(1, 1);
    expect(await outcomeOf(add(1, 2n, withKey(key)))).toBe('FAILED_PRECONDITION INSUFFICIENT_STOCK');
    shop.loms.fake.stock.set(1, 2);
    expect(await outcomeOf(add(1, 2n, withKey(key)))).toBe('OK');
  });

  test('the token of the request is sent to the product service, and a wrong one is UNAUTHENTICATED', async () => {
    const headers = (token: string) => withTimeout(5000, { 'x-product-token': token });
    await add(1, 1n, headers('theirs'));
    expect(shop.products.tokens.at(-1)).toBe('theirs');
    expect(await outcomeOf(add(1, 1n, headers('wrong')))).toBe('UNAUTHENTICATED WRONG_PRODUCT_TOKEN');
    expect(await outcomeOf(list(headers('wrong')))).toBe('UNAUTHENTICATED WRONG_PRODUCT_TOKEN');
  });

  test('a wrong configured token and a product name out of bounds are UNAVAILABLE, and nothing is stored', async () => {
    shop.products.catalogue.set(1900, { name: 'x'.repeat(501), price: 1 });
    shop.loms.fake.stock.set(1900, 5);
    const error = await refusalOf(add(1900, 1n));
    expect([error.code, error.reason, error.retryAfterMs]).toEqual([Code.UNAVAILABLE, 'PRODUCT_UNAVAILABLE', 1000]);
    await using misconfigured = await openCart({ ...shop, databaseUrl: shop.database.url }, { productToken: 'wrong' });
    const call = misconfigured.client.addItem({ user: shop.user, item: { sku: 2, count: 1n } }, withTimeout(5000));
    expect(await outcomeOf(call)).toBe('UNAVAILABLE PRODUCT_UNAVAILABLE');
    expect(await contents()).toEqual([]);
  });

  test('more look-ups than the limit allows in time are refused with RESOURCE_EXHAUSTED PRODUCT_LIMIT', async () => {
    const calls = Array.from({ length: 20 }, (_, i) => failureOfCall(add(1000 + i, 1n, withTimeout(900))));
    const refused = (await Promise.all(calls)).filter((error) => error?.reason === 'PRODUCT_LIMIT');
    expect(refused.length).toBeGreaterThan(5);
    expect(refused[0]?.code).toBe(Code.RESOURCE_EXHAUSTED);
    expect(refused[0]?.retryAfterMs).toBeGreaterThan(0);
  });
});
