import { describe, expect, test } from 'bun:test';

import { Code } from '@tally/platform/grpc';
import { outcomeOf, sendRaw, withTimeout } from '@tally/platform/testing';
import { Cart } from '@tally/proto/cart';

import { withKey } from './service.ts';
import { refusalOf, useShop } from './shopper.ts';

const shop = useShop();
const { add, checkout, contents } = shop;

describe('the bounds of requests', () => {
  const MAX = 2n ** 63n - 1n;
  const wrong = 'INVALID_ARGUMENT INVALID_REQUEST';
  const addAs = (asUser: bigint, sku: number, count: bigint) => () =>
    shop.cart.client.addItem({ user: asUser, item: { sku, count } }, withTimeout(5000));
  const others: Record<string, (asUser: bigint) => Promise<unknown>> = {
    DeleteItem: (asUser) => shop.cart.client.deleteItem({ user: asUser, sku: 1 }, withTimeout(5000)),
    List: (asUser) => shop.cart.client.list({ user: asUser }, withTimeout(5000)),
    Clear: (asUser) => shop.cart.client.clear({ user: asUser }, withTimeout(5000)),
    Checkout: (asUser) => shop.cart.client.checkout({ user: asUser }, withTimeout(5000)),
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
    ['AddItem without an item', () => shop.cart.client.addItem({ user: 1n }, withTimeout(5000)), wrong],
    ['DeleteItem sku 0', () => shop.cart.client.deleteItem({ user: 1n, sku: 0 }, withTimeout(5000)), wrong],
    [
      'DeleteItem sku 2^32-1',
      () => shop.cart.client.deleteItem({ user: 1n, sku: 4_294_967_295 }, withTimeout(5000)),
      'OK',
    ],
    ['AddItem with a key of 255 characters', () => add(1, 1n, withKey('~'.repeat(255))), 'OK'],
    ['AddItem with a key of 256 characters', () => add(1, 1n, withKey('~'.repeat(256))), wrong],
    ['Checkout with a key with a space', () => checkout(withKey('a b')), wrong],
  ];
  for (const [method, call] of Object.entries(others)) {
    const fine = method === 'Checkout' ? 'FAILED_PRECONDITION EMPTY_CART' : 'OK';
    table.push([`${method} user 0`, () => call(0n), wrong], [`${method} user -1`, () => call(-1n), wrong]);
    table.push([`${method} user -2^63`, () => call(-(2n ** 63n)), wrong]);
    for (const [name, id] of [
      ['2^32-1', 2n ** 32n - 1n],
      ['2^53+3', 2n ** 53n + 3n],
      ['2^63-2', MAX - 1n],
    ] as const) {
      table.push([`${method} user ${name}`, () => call(id), fine]);
    }
  }
  for (const [name, call, outcome] of table) {
    test(`${name}: ${outcome}`, async () => expect(await outcomeOf(call())).toBe(outcome));
  }

  test('users whose ids differ in the last bit have different carts', async () => {
    const users = [2n ** 53n + 10n, 2n ** 53n + 11n];
    await shop.cart.client.addItem({ user: users[1] as bigint, item: { sku: 1, count: 4n } }, withTimeout(5000));
    const lists = await Promise.all(users.map((each) => shop.cart.client.list({ user: each }, withTimeout(5000))));
    expect(lists.map(({ items }) => items.length)).toEqual([0, 1]);
  });

  test('all violations of a request are reported together', async () => {
    const error = await refusalOf(
      shop.cart.client.addItem({ user: 0n, item: { sku: 0, count: 0n } }, withTimeout(5000)),
    );
    expect(error.violations.map(({ field }) => field).toSorted()).toEqual(['item.count', 'item.sku', 'user']);
  });

  for (const { name: method } of Cart.methods) {
    test(`${method} refuses bytes that are no message, and the service goes on`, async () => {
      const error = await sendRaw(
        shop.cart.address,
        `/cart.Cart/${method}`,
        new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0xff]),
      );
      expect([error?.code, error?.reason]).toEqual([Code.INVALID_ARGUMENT, 'MALFORMED_REQUEST']);
      expect(await contents()).toEqual([]);
    });
  }
});
