import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';

import { cartWith, checkoutIn, line } from '../testing/fixtures.ts';
import type { Cart } from './cart.ts';
import { type Addition, addItem, clearItems, removeItem, repriceItems, totalOf } from './cart-items.ts';

const LAMP = { name: 'a lamp', price: 7 };
const answered = <T>(value: T): PromiseFulfilledResult<T> => ({ status: 'fulfilled', value });
const failed = (reason: string): PromiseRejectedResult => ({ status: 'rejected', reason });

/** Three units of sku 1, a lamp, of which 100 are available. */
function addition(parts: Partial<Addition> = {}): Addition {
  return { sku: 1, count: 3, key: undefined, product: answered(LAMP), available: answered(100n), ...parts };
}

/** The reason of the refusal. Undefined when the units were added. */
function refusalOf(cart: Cart, parts: Partial<Addition> = {}): unknown {
  const { changes, answer } = addItem(cart, addition(parts));
  if (answer !== undefined) expect(changes).toEqual({});
  return answer?.error instanceof AppError ? answer.error.reason : answer?.error;
}

describe('adding', () => {
  test('the first units of a sku make a line', () => {
    const { changes } = addItem(cartWith(), addition());
    expect(changes).toEqual({ addedLine: { sku: 1, count: 3, ...LAMP } });
  });

  test('further units are added to the line, which takes the current name and price', () => {
    const { changes } = addItem(cartWith({ lines: [line(1, 2), line(2, 9)] }), addition());
    expect(changes).toEqual({ changedLines: [{ id: 1n, sku: 1, count: 5, ...LAMP }] });
  });

  const thousandLines = Array.from({ length: 1000 }, (_, i) => line(i + 10, 1));
  const full = cartWith({ lines: thousandLines });
  const twoUnits = cartWith({ lines: [line(1, 2)] });
  const table: [string, Cart, Partial<Addition>, string | undefined][] = [
    ['the product does not exist', cartWith(), { product: answered(undefined) }, 'UNKNOWN_SKU'],
    ['the product service fails', cartWith(), { product: failed('no answer') }, 'no answer'],
    ['the cart has 1,000 other lines', full, {}, 'CART_FULL'],
    ['the cart has 1,000 lines, one of them of this sku', full, { sku: 10 }, undefined],
    ['the cart has 999 lines', cartWith({ lines: thousandLines.slice(1) }), {}, undefined],
    ['the line reaches 65,535', cartWith({ lines: [line(1, 65_532)] }), { available: answered(65_535n) }, undefined],
    ['the line reaches 65,536', cartWith({ lines: [line(1, 65_533)] }), { available: answered(99_999n) }, 'CART_FULL'],
    ['the stock covers the whole line', twoUnits, { available: answered(5n) }, undefined],
    ['the stock covers the added units only', twoUnits, { available: answered(4n) }, 'INSUFFICIENT_STOCK'],
    ['nothing is in stock', cartWith(), { available: answered(0n) }, 'INSUFFICIENT_STOCK'],
    ['loms fails', cartWith(), { available: failed('no answer') }, 'no answer'],
    ['an unknown sku and a full cart', full, { product: answered(undefined) }, 'UNKNOWN_SKU'],
    ['a full cart and no stock', full, { available: answered(0n) }, 'CART_FULL'],
    ['a full cart and a failure of loms', full, { available: failed('no answer') }, 'CART_FULL'],
  ];
  for (const [name, cart, parts, reason] of table) {
    test(`${name}: ${reason ?? 'added'}`, () => expect(refusalOf(cart, parts)).toBe(reason));
  }

  test('units that the open checkout froze need no further stock', () => {
    const cart = cartWith({ lines: [line(1, 6)], openCheckout: checkoutIn('open', { lines: [line(1, 4)] }) });
    expect(refusalOf(cart, { available: answered(5n) })).toBeUndefined();
    expect(refusalOf(cart, { available: answered(4n) })).toBe('INSUFFICIENT_STOCK');
  });

  test('a line that was removed and added again after the freeze needs stock for all its units', () => {
    const openCheckout = checkoutIn('open', { lines: [line(1, 4)] });
    const cart = cartWith({ lines: [line(1, 1, 99)], openCheckout });
    expect(refusalOf(cart, { available: answered(3n) })).toBe('INSUFFICIENT_STOCK');
  });

  test('a shortage names the sku, the units needed and the units available', () => {
    const { answer } = addItem(twoUnits, addition({ available: answered(4n) }));
    const values = { shortages: '[{"sku":1,"requested":5,"available":4}]', total: '1' };
    expect(answer?.error).toMatchObject({ values });
  });

  describe('with an idempotency key', () => {
    const key = { text: 'k', requestHash: Buffer.from('a') };
    const used = cartWith({ addKeyHash: Buffer.from('a') });

    test('stores the key together with the line', () => {
      expect(addItem(cartWith(), addition({ key })).changes).toEqual({
        addedLine: { sku: 1, count: 3, ...LAMP },
        addKey: key,
      });
    });

    test('a refusal does not use the key up', () => {
      expect(refusalOf(cartWith(), { key, available: answered(0n) })).toBe('INSUFFICIENT_STOCK');
    });

    const otherwiseRefused: [string, Partial<Addition>][] = [
      ['the product does not exist', { product: answered(undefined) }],
      ['the product service fails', { product: failed('no answer') }],
      ['nothing is in stock', { available: answered(0n) }],
    ];
    for (const [name, parts] of otherwiseRefused) {
      test(`a repeated request is answered as added and changes nothing, even when ${name}`, () => {
        expect(addItem(used, addition({ key, ...parts }))).toEqual({ changes: {}, answer: undefined });
      });
    }

    test('another request with the same key is refused', () => {
      expect(refusalOf(used, { key: { ...key, requestHash: Buffer.from('b') } })).toBe('IDEMPOTENCY_KEY_REUSED');
    });
  });
});

test('removing takes one sku out of the cart, and a sku that is not in it is no error', () => {
  const cart = cartWith({ lines: [line(1, 2), line(2, 3)] });
  expect(removeItem(cart, 2).changes).toEqual({ removedLineIds: [2n] });
  expect(removeItem(cart, 3).changes).toEqual({});
});

test('clearing removes every line, and an empty cart is no error', () => {
  expect(clearItems(cartWith({ lines: [line(1, 2), line(2, 3)] })).changes).toEqual({ removedLineIds: [1n, 2n] });
  expect(clearItems(cartWith()).changes).toEqual({});
});

test('repricing changes the lines that differ and are still in the cart, and leaves their counts alone', () => {
  const cart = cartWith({ lines: [line(1, 2), line(2, 3)] });
  const products = new Map([
    [1n, LAMP],
    [2n, { name: 'product 2', price: 100 }],
    [9n, LAMP],
  ]);
  expect(repriceItems(cart, products).changes).toEqual({ changedLines: [{ id: 1n, sku: 1, count: 2, ...LAMP }] });
  expect(repriceItems(cart, new Map()).changes).toEqual({});
});

test('the total of the largest possible cart is exact', () => {
  const most = { count: 65_535, price: 4_294_967_295 };
  expect(totalOf(Array.from({ length: 1000 }, () => most))).toBe(1000n * 65_535n * 4_294_967_295n);
  expect(totalOf([])).toBe(0n);
});
