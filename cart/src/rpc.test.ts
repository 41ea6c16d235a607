import { describe, expect, test } from 'bun:test';

import { create } from '@bufbuild/protobuf';
import { createWorkerPool } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { type Call, startKeyExpiry } from '@tally/platform/grpc';
import { createFakeClock } from '@tally/platform/testing';
import {
  AddItemRequestSchema,
  CheckoutRequestSchema,
  ClearRequestSchema,
  DeleteItemRequestSchema,
  ListRequestSchema,
} from '@tally/proto/cart';

import { createCheckouts } from './checkout/checkout.ts';
import type { LookUpOptions } from './products/products.ts';
import { clientOf, createFakeLoms } from './testing/fake-loms.ts';
import { USER, createCatalogue, newId } from './testing/fixtures.ts';
import { createGrpcOrders } from './orders/orders-grpc.ts';
import { createCartRpc } from './rpc.ts';
import { createMemoryStore } from './store/store-memory.ts';

/** Creates the whole service except its frame, without a socket and a database. */
function setUp() {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  const loms = createFakeLoms(clock.nowMs);
  const orders = createGrpcOrders(clientOf(loms));
  const catalogue = createCatalogue();
  const asked: LookUpOptions[] = [];
  const products = {
    onLookUp: () => {},
    async lookUp(sku: number, options: LookUpOptions) {
      asked.push(options);
      products.onLookUp();
      return catalogue.get(sku);
    },
  };
  const watch = { outcome: () => {}, alarm: () => {} };
  const checkouts = createCheckouts({ store, orders, clock, watch, newId, cutOff: new AbortController().signal });
  const pool = createWorkerPool({ workers: 4, maxQueued: 2000 });
  const rpc = createCartRpc({ store, products, orders, pool, checkouts, clock });
  for (const sku of [1, 2]) loms.stock.set(sku, 10);

  const caller = new AbortController();
  const call = (headers: Record<string, string> = {}): Call => ({
    signal: caller.signal,
    deadlineMs: clock.nowMs() + 5000,
    header: (name) => headers[name],
  });
  const add = (sku: number, count: bigint, headers?: Record<string, string>) =>
    outcomeOf(rpc.addItem(create(AddItemRequestSchema, { user: USER, item: { sku, count } }), call(headers)));
  const list = async (headers?: Record<string, string>) => {
    const { items = [], totalPrice } = await rpc.list(create(ListRequestSchema, { user: USER }), call(headers));
    return [items.map(({ sku, count, name, price }) => [sku, count, name, price]), totalPrice];
  };
  const checkout = (headers?: Record<string, string>) =>
    outcomeOf(rpc.checkout(create(CheckoutRequestSchema, { user: USER }), call(headers)));
  const remove = (sku: number) =>
    outcomeOf(rpc.deleteItem(create(DeleteItemRequestSchema, { user: USER, sku }), call()));
  const clear = () => outcomeOf(rpc.clear(create(ClearRequestSchema, { user: USER }), call()));
  return { clock, store, loms, catalogue, asked, products, caller, add, list, checkout, remove, clear };
}

async function outcomeOf(answer: Promise<object>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AppError) return error.reason;
    return error instanceof Error ? error.message : error;
  }
}

const key = { 'idempotency-key': 'k' };

describe('AddItem', () => {
  test('adds to the line of the sku, and needs stock for all its units', async () => {
    const { add, list } = setUp();
    expect(await add(1, 4n)).toEqual({});
    expect(await add(1, 6n)).toEqual({});
    expect(await add(1, 1n)).toBe('INSUFFICIENT_STOCK');
    expect(await list()).toEqual([[[1, 10n, 'product 1', 100]], 1000n]);
  });

  test('an unknown sku is refused without asking loms', async () => {
    const { add, loms } = setUp();
    loms.onStockInfo = () => Promise.reject(new Error('loms was asked'));
    expect(await add(5000, 1n)).toBe('UNKNOWN_SKU');
  });

  test('with the same key counts once, even when the other services are away at the second call', async () => {
    const { add, list, products, loms } = setUp();
    await add(1, 4n, key);
    products.onLookUp = () => {
      throw new Error('away');
    };
    loms.onStockInfo = () => Promise.reject(new Error('away'));
    expect(await add(1, 4n, key)).toEqual({});
    expect(await add(1, 5n, key)).toBe('IDEMPOTENCY_KEY_REUSED');
    products.onLookUp = () => {};
    expect((await list())[1]).toBe(400n);
  });

  test('is not refused when a call with the same key was counted while it asked the other services', async () => {
    const { add, loms, catalogue } = setUp();
    let isRepeated = false;
    loms.onStockInfo = async (proceed) => {
      if (!isRepeated) {
        isRepeated = true;
        expect(await add(1, 10n, key)).toEqual({});
      }
      return proceed();
    };
    expect(await add(1, 10n, key)).toEqual({});
    catalogue.delete(1);
    expect(await add(1, 10n, key)).toEqual({});
  });

  test('a refusal does not use the key up', async () => {
    const { add } = setUp();
    expect(await add(1, 11n, key)).toBe('INSUFFICIENT_STOCK');
    expect(await add(1, 10n, key)).toEqual({});
  });

  test('fails with the failure of the service that it asked', async () => {
    const { add, products, loms } = setUp();
    loms.onStockInfo = () => Promise.reject(new Error('loms is away'));
    expect(await add(1, 1n)).toBe('loms is away');
    products.onLookUp = () => {
      throw new Error('products are away');
    };
    expect(await add(1, 1n)).toBe('products are away');
  });

  test('adds nothing when its caller went away', async () => {
    const { add, caller, store, products } = setUp();
    products.onLookUp = () => caller.abort(new Error('gone'));
    expect(await add(1, 1n)).toBe('gone');
    expect(await store.findLines(USER, 0)).toEqual([]);
  });

  test('a malformed key is refused, here and by Checkout', async () => {
    const { add, checkout } = setUp();
    expect(await add(1, 1n, { 'idempotency-key': 'a b' })).toBe('INVALID_REQUEST');
    expect(await checkout({ 'idempotency-key': '' })).toBe('INVALID_REQUEST');
  });
});

describe('List', () => {
  test('is sorted by sku, and shows and stores the current names and prices', async () => {
    const { add, list, catalogue } = setUp();
    await add(2, 1n);
    await add(1, 2n);
    catalogue.set(1, { name: 'new', price: 7 });
    expect(await list()).toEqual([
      [
        [1, 2n, 'new', 7],
        [2, 1n, 'product 2', 100],
      ],
      114n,
    ]);
    catalogue.delete(1);
    expect(await list()).toEqual([
      [
        [1, 2n, 'new', 7],
        [2, 1n, 'product 2', 100],
      ],
      114n,
    ]);
  });

  test('fails with the first look-up that fails', async () => {
    const { add, list, products } = setUp();
    await add(1, 1n);
    products.onLookUp = () => {
      throw new Error('products are away');
    };
    await expect(list()).rejects.toThrow('products are away');
  });

  test('looks up with the token of the request; an empty token counts as none', async () => {
    const { add, list, asked } = setUp();
    await add(1, 1n, { 'x-product-token': 'theirs' });
    await list({ 'x-product-token': 'theirs' });
    await list({ 'x-product-token': '' });
    expect(asked.map(({ token }) => token)).toEqual(['theirs', 'theirs', undefined]);
  });
});

test('DeleteItem and Clear remove what is in the cart; what is not there is no error', async () => {
  const { add, remove, clear, list } = setUp();
  expect([await remove(1), await clear()]).toEqual([{}, {}]);
  await add(1, 1n);
  await add(2, 1n);
  expect(await remove(1)).toEqual({});
  expect((await list())[0]).toEqual([[2, 1n, 'product 2', 100]]);
  expect(await clear()).toEqual({});
  expect(await list()).toEqual([[], 0n]);
});

test('Checkout orders what the cart holds, and its key gets the same order later', async () => {
  const { add, checkout } = setUp();
  expect(await checkout()).toBe('EMPTY_CART');
  await add(1, 1n);
  expect(await checkout(key)).toEqual({ orderID: 1n });
  await add(1, 1n);
  expect(await checkout(key)).toEqual({ orderID: 1n });
  expect(await checkout()).toEqual({ orderID: 2n });
});

test('AddItem needs no stock for units that the open checkout froze', async () => {
  const { add, checkout, loms } = setUp();
  await add(1, 6n);
  loms.onCreate = async (proceed) => {
    await proceed();
    throw new Error('the answer is lost');
  };
  expect(await checkout()).toBe('CHECKOUT_PENDING');
  expect(loms.stock.get(1)).toBe(4);
  expect(await add(1, 4n)).toEqual({});
  expect(await add(1, 1n)).toBe('INSUFFICIENT_STOCK');
});

test('idempotency keys expire after a day', async () => {
  const { add, store, clock } = setUp();
  const expiry = startKeyExpiry({ store, clock, random: () => 0.5, onError: () => {} });
  await add(1, 1n, key);
  await clock.advance(86_000_000);
  expect(await add(1, 2n, key)).toBe('IDEMPOTENCY_KEY_REUSED');
  await clock.advance(500_000);
  expect(await add(1, 2n, key)).toEqual({});
  await expiry[Symbol.asyncDispose]();
});
