import { describe, expect, test } from 'bun:test';

import { outcomeOf, withTimeout } from '@tally/platform/testing';

import { useShop } from './shopper.ts';

const shop = useShop();
const { add, remove, clear, checkout, list, contents } = shop;

describe('DeleteItem, Clear, List', () => {
  test('DeleteItem removes a sku, and a sku that is not in the cart is no error', async () => {
    await add(1, 1n);
    await add(2, 1n);
    for (const sku of [2, 2, 4_294_967_295]) expect(await outcomeOf(remove(sku))).toBe('OK');
    expect(await contents()).toEqual([[1, 1]]);
  });

  test('Clear removes every line, and an empty cart is no error', async () => {
    await add(1, 1n);
    await add(2, 1n);
    for (const _ of ['filled', 'empty']) expect(await outcomeOf(clear())).toBe('OK');
    expect(await list()).toEqual({ lines: [], totalPrice: 0n });
  });

  test('List is sorted by sku, and its total does not overflow', async () => {
    const expensive = { name: 'expensive', price: 4_294_967_295 };
    for (const sku of [1901, 1902, 1903]) {
      shop.products.catalogue.set(sku, expensive);
      shop.loms.fake.stock.set(sku, 65_535);
    }
    for (const sku of [1903, 1901, 1902]) await add(sku, 65_535n);
    const { lines, totalPrice } = await list();
    expect(lines.map(([sku]) => sku)).toEqual([1901, 1902, 1903]);
    expect(totalPrice).toBe(3n * 65_535n * 4_294_967_295n);
  });

  test('List shows and stores changed names and prices, and still shows them when the product is gone', async () => {
    const theirs = withTimeout(5000, { 'x-product-token': 'theirs' });
    shop.products.catalogue.set(1910, { name: 'old', price: 1 });
    shop.loms.fake.stock.set(1910, 5);
    await add(1910, 1n, theirs);
    shop.products.catalogue.set(1910, { name: 'new', price: 2 });
    expect((await list(theirs)).lines).toEqual([[1910, 1, 'new', 2]]);
    shop.products.catalogue.delete(1910);
    expect((await list(theirs)).lines).toEqual([[1910, 1, 'new', 2]]);
    await checkout();
    expect(shop.loms.fake.requests.at(-1)?.items[0]).toMatchObject({ name: 'new', price: 2 });
  });
});
