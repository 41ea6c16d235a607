import { afterAll, beforeAll, beforeEach } from 'bun:test';

import type { RpcError } from '@tally/platform/grpc';
import { failureOfCall, withTimeout } from '@tally/platform/testing';

import type { FakeOrder } from '../src/testing/fake-loms.ts';
import { type CartDatabase, openCartDatabase } from './database.ts';
import {
  type Connections,
  type FakeLomsServer,
  type FakeProductServer,
  type TestCart,
  openCart,
  openFakeLoms,
  openFakeProducts,
} from './service.ts';

/** A database and the services that cart calls, for one test file, and a shopper who is new in each test. */
interface Surroundings {
  readonly database: CartDatabase;
  readonly loms: FakeLomsServer;
  readonly products: FakeProductServer;
  /** The current shopper. */
  user: bigint;
  /**
   * Returns the connections of a cart: to the services above, and to this database or, by default, to the one above.
   */
  connections(databaseUrl?: string): Connections;
  /** Returns the calls of the current shopper at this cart. */
  at(cart: Pick<TestCart, 'client'>): Shopper;
  /** Returns the state of the shopper's first checkout. */
  checkoutState(): Promise<string | undefined>;
  ordersOf(user: bigint): FakeOrder[];
}

/** Opens the surroundings before the tests of a file and closes them after the last one. */
export function useSurroundings(): Surroundings {
  const surroundings: Surroundings = {
    // beforeAll below sets them before the first test.
    ...({} as Pick<Surroundings, 'database' | 'loms' | 'products'>),
    user: 1000n,
    connections: (databaseUrl = surroundings.database.url) => ({ ...surroundings, databaseUrl }),
    at: (cart) => createShopper(surroundings, () => cart),
    checkoutState: async () => (await surroundings.database.checkoutsOf(surroundings.user))[0]?.state,
    ordersOf: (user) => surroundings.loms.fake.orders.filter(({ userId }) => userId === user),
  };
  beforeAll(async () => {
    const [database, loms, products] = await Promise.all([openCartDatabase(), openFakeLoms(), openFakeProducts()]);
    Object.assign(surroundings, { database, loms, products });
  });
  afterAll(async () => {
    const { loms, products, database } = surroundings;
    for (const each of [loms, products, database]) await each[Symbol.asyncDispose]();
  });
  // Look-ups are limited to ten a second. Tests use few skus, so that most look-ups are answered by the cache.
  beforeEach(() => {
    surroundings.user += 1n;
    const { fake } = surroundings.loms;
    for (const sku of [1, 2, 3]) fake.stock.set(sku, 1_000_000);
    fake.onCreate = (proceed) => proceed();
    fake.onStockInfo = async (proceed) => proceed();
  });
  return surroundings;
}

type Shopper = ReturnType<typeof createShopper>;

/** Returns the calls of the current shopper at one cart. */
function createShopper(surroundings: Surroundings, cart: () => Pick<TestCart, 'client'>) {
  const list = async (options = withTimeout(5000)) => {
    const { items, totalPrice } = await cart().client.list({ user: surroundings.user }, options);
    return { lines: items.map(({ sku, count, name, price }) => [sku, Number(count), name, price]), totalPrice };
  };
  return {
    list,
    /** Resolves with the sku and the count of each line. */
    contents: async () => (await list()).lines.map(([sku, count]) => [sku, count]),
    add: (sku: number, count: bigint, options = withTimeout(10_000)) =>
      cart().client.addItem({ user: surroundings.user, item: { user: surroundings.user, sku, count } }, options),
    remove: (sku: number, options = withTimeout(5000)) =>
      cart().client.deleteItem({ user: surroundings.user, sku }, options),
    clear: (options = withTimeout(5000)) => cart().client.clear({ user: surroundings.user }, options),
    checkout: (options = withTimeout(5000)) => cart().client.checkout({ user: surroundings.user }, options),
  };
}

/** Opens surroundings like useSurroundings, with one cart for all tests of a file. */
export function useShop(): Surroundings & Shopper & { readonly cart: TestCart } {
  const surroundings = useSurroundings();
  const shop = surroundings as Surroundings & Shopper & { cart: TestCart };
  Object.assign(
    shop,
    createShopper(surroundings, () => shop.cart),
  );
  beforeAll(async () => {
    shop.cart = await openCart(surroundings.connections());
  });
  // Runs before the surroundings are closed, since bun runs the last afterAll first.
  afterAll(() => shop.cart[Symbol.asyncDispose]());
  return shop;
}

/** Resolves with the refusal of a call that must be refused. */
export async function refusalOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await failureOfCall(call);
  if (error === undefined) throw new Error('expected a refusal');
  return error;
}
