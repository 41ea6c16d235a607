import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';

import { type AddToCart, type Cart, add, clear, remove, reprice, totalOf } from './cart.ts';
import { cartOf, checkoutIn, line } from '../testing/fixtures.ts';

const lamp = { name: 'a lamp', price: 7 };
const said = <T>(value: T): PromiseFulfilledResult<T> => ({ status: 'fulfilled', value });
const failed = (reason: string): PromiseRejectedResult => ({ status: 'rejected', reason });

function command(more: Partial<AddToCart> = {}): AddToCart {
  return { sku: 1, count: 3, key: undefined, product: said(lamp), available: said(100n), ...more };
}

function errorOf(cart: Cart, more: Partial<AddToCart> = {}): unknown {
  const { changes, answer } = add(cart, command(more));
  if (answer !== undefined) expect(changes).toEqual({});
  return answer?.error instanceof AppError ? answer.error.reason : answer?.error;
}

describe('add', () => {
  test('begins a line', () => {
    const { changes } = add(cartOf(), command());
    expect(changes).toEqual({ addedLine: { sku: 1, count: 3, ...lamp } });
  });

  test('sums counts of one sku, and takes over what the product is called now', () => {
    const { changes } = add(cartOf({ lines: [line(1, 2), line(2, 9)] }), command());
    expect(changes).toEqual({ changedLines: [{ id: 1n, sku: 1, count: 5, ...lamp }] });
  });

  const full = Array.from({ length: 1000 }, (_, i) => line(i + 10, 1));
  const table: [string, Cart, Partial<AddToCart>, string | undefined][] = [
    ['no such product', cartOf(), { product: said(undefined) }, 'UNKNOWN_SKU'],
    ['the product service fails', cartOf(), { product: failed('no answer') }, 'no answer'],
    ['a thousand lines', cartOf({ lines: full }), {}, 'CART_FULL'],
    ['a thousand lines, one of them this sku', cartOf({ lines: full }), { sku: 10 }, undefined],
    ['999 lines', cartOf({ lines: full.slice(1) }), {}, undefined],
    ['a line of 65535', cartOf({ lines: [line(1, 65_532)] }), { available: said(65_535n) }, undefined],
    ['a line of 65536', cartOf({ lines: [line(1, 65_533)] }), { available: said(99_999n) }, 'CART_FULL'],
    ['stock for all of it', cartOf({ lines: [line(1, 2)] }), { available: said(5n) }, undefined],
    ['stock for the added ones only', cartOf({ lines: [line(1, 2)] }), { available: said(4n) }, 'INSUFFICIENT_STOCK'],
    ['no stock', cartOf(), { available: said(0n) }, 'INSUFFICIENT_STOCK'],
    ['loms fails', cartOf(), { available: failed('no answer') }, 'no answer'],
    ['unknown before full', cartOf({ lines: full }), { product: said(undefined) }, 'UNKNOWN_SKU'],
    ['full before short', cartOf({ lines: full }), { available: said(0n) }, 'CART_FULL'],
    ['full before a failure of loms', cartOf({ lines: full }), { available: failed('no answer') }, 'CART_FULL'],
  ];
  for (const [name, cart, more, reason] of table) {
    test(`${name}: ${reason ?? 'added'}`, () => expect(errorOf(cart, more)).toBe(reason));
  }

  test('what an open checkout has frozen is not counted twice', () => {
    const open = checkoutIn('open', { lines: [line(1, 4)] });
    expect(errorOf(cartOf({ lines: [line(1, 6)], open }), { available: said(5n) })).toBeUndefined();
    expect(errorOf(cartOf({ lines: [line(1, 6)], open }), { available: said(4n) })).toBe('INSUFFICIENT_STOCK');
  });

  test('a line that was added again after the freeze has nothing frozen', () => {
    const open = checkoutIn('open', { lines: [line(1, 4)] });
    expect(errorOf(cartOf({ lines: [line(1, 1, 99)], open }), { available: said(3n) })).toBe('INSUFFICIENT_STOCK');
  });

  test('a shortage says what is missing', () => {
    const { answer } = add(cartOf({ lines: [line(1, 2)] }), command({ available: said(4n) }));
    const values = { shortages: '[{"sku":1,"requested":5,"available":4}]', total: '1' };
    expect(answer?.error).toMatchObject({ values });
  });

  describe('with a key', () => {
    const key = { text: 'k', requestHash: Buffer.from('a') };

    test('keeps it with the line', () => {
      expect(add(cartOf(), command({ key })).changes).toEqual({
        addedLine: { sku: 1, count: 3, ...lamp },
        addKey: key,
      });
    });

    test('a refusal does not burn it', () => {
      expect(errorOf(cartOf(), { key, available: said(0n) })).toBe('INSUFFICIENT_STOCK');
    });

    const known = cartOf({ addKeyHash: Buffer.from('a') });
    const refusals: [string, Partial<AddToCart>][] = [
      ['an unknown product', { product: said(undefined) }],
      ['a product service that fails', { product: failed('no answer') }],
      ['no stock', { available: said(0n) }],
    ];
    for (const [name, more] of refusals) {
      test(`its twin was counted: that is the answer, also before ${name}`, () => {
        expect(add(known, command({ key, ...more }))).toEqual({ changes: {}, answer: undefined });
      });
    }

    test('another request is refused', () => {
      expect(errorOf(known, { key: { ...key, requestHash: Buffer.from('b') } })).toBe('IDEMPOTENCY_KEY_REUSED');
    });
  });
});

test('remove takes one sku out, and absent is fine', () => {
  const cart = cartOf({ lines: [line(1, 2), line(2, 3)] });
  expect(remove(cart, 2).changes).toEqual({ removedLineIds: [2n] });
  expect(remove(cart, 3).changes).toEqual({});
});

test('clear takes all out, and empty is fine', () => {
  expect(clear(cartOf({ lines: [line(1, 2), line(2, 3)] })).changes).toEqual({ removedLineIds: [1n, 2n] });
  expect(clear(cartOf()).changes).toEqual({});
});

test('reprice changes what differs, on lines that are still there, and leaves counts alone', () => {
  const cart = cartOf({ lines: [line(1, 2), line(2, 3)] });
  const seen = new Map([
    [1n, lamp],
    [2n, { name: 'product 2', price: 100 }],
    [9n, lamp],
  ]);
  expect(reprice(cart, seen).changes).toEqual({ changedLines: [{ id: 1n, sku: 1, count: 2, ...lamp }] });
  expect(reprice(cart, new Map()).changes).toEqual({});
});

test('a total does not overflow', () => {
  const most = { count: 65_535, price: 4_294_967_295 };
  expect(totalOf(Array.from({ length: 1000 }, () => most))).toBe(1000n * 65_535n * 4_294_967_295n);
  expect(totalOf([])).toBe(0n);
});
