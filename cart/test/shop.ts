import { afterAll, beforeAll, beforeEach } from 'bun:test';

import type { RpcError } from '@tally/platform/grpc';
import { failureOfCall } from '@tally/platform/testing';

import type { FakeOrder } from '../src/testing/fake-loms.ts';
import { type CartDatabase, openCartDatabase } from './database.ts';
import {
  type LomsNeighbour,
  type Neighbours,
  type ProductNeighbour,
  type TestCart,
  openCart,
  openFakeLoms,
  openFakeProducts,
  within,
} from './service.ts';

/** A database and the neighbours of cart for a test file, and a shopper who is new in each test. */
export interface Street {
  readonly database: CartDatabase;
  readonly loms: LomsNeighbour;
  readonly products: ProductNeighbour;
  user: bigint;
  /** What a cart needs, with its database behind this URL. */
  around(databaseUrl?: string): Neighbours;
  /** The shopper, at this cart. */
  at(cart: Pick<TestCart, 'client'>): ReturnType<typeof shopperAt>;
  /** Of the shopper's first checkout. */
  state(): Promise<string | undefined>;
  ordersOf(user: bigint): FakeOrder[];
}

export function useStreet(): Street {
  const street: Street = {
    // There before the first test.
    ...({} as Pick<Street, 'database' | 'loms' | 'products'>),
    user: 1000n,
    around: (databaseUrl = street.database.url) => ({ ...street, databaseUrl }),
    at: (cart) => shopperAt(street, () => cart),
    state: async () => (await street.database.checkoutsOf(street.user))[0]?.state,
    ordersOf: (user) => street.loms.fake.orders.filter(({ userId }) => userId === user),
  };
  beforeAll(async () => {
    const [database, loms, products] = await Promise.all([openCartDatabase(), openFakeLoms(), openFakeProducts()]);
    Object.assign(street, { database, loms, products });
  });
  afterAll(async () => {
    for (const each of [street.loms, street.products, street.database]) await each[Symbol.asyncDispose]();
  });
  // Plenty of stock. Look-ups are ten a second: few skus, and the cache, keep the tests short.
  beforeEach(() => {
    street.user += 1n;
    const { fake } = street.loms;
    for (const sku of [1, 2, 3]) fake.stock.set(sku, 1_000_000);
    fake.onCreate = (proceed) => proceed();
    fake.onStockInfo = async (proceed) => proceed();
  });
  return street;
}

type Options = ReturnType<typeof within>;

/** What the shopper of a street does at one cart. */
export function shopperAt(street: Street, cart: () => Pick<TestCart, 'client'>) {
  const list = async (options: Options = within(5000)) => {
    const { items, totalPrice } = await cart().client.list({ user: street.user }, options);
    return { lines: items.map(({ sku, count, name, price }) => [sku, Number(count), name, price]), totalPrice };
  };
  return {
    list,
    /** Sku and count of each line. */
    contents: async () => (await list()).lines.map(([sku, count]) => [sku, count]),
    add: (sku: number, count: bigint, options: Options = within(10_000)) =>
      cart().client.addItem({ user: street.user, item: { user: street.user, sku, count } }, options),
    checkout: (options: Options = within(5000)) => cart().client.checkout({ user: street.user }, options),
  };
}

/** A street with one cart for all tests of a file. */
export function useShop(): Street & ReturnType<typeof shopperAt> & { readonly cart: TestCart } {
  const street = useStreet();
  const shop = street as Street & ReturnType<typeof shopperAt> & { cart: TestCart };
  Object.assign(
    shop,
    shopperAt(street, () => shop.cart),
  );
  beforeAll(async () => {
    shop.cart = await openCart(street.around());
  });
  // Before its neighbours: what is begun last here ends first.
  afterAll(() => shop.cart[Symbol.asyncDispose]());
  return shop;
}

export async function refusalOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await failureOfCall(call);
  if (error === undefined) throw new Error('expected a refusal');
  return error;
}
