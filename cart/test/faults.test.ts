import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { AppError } from '@tally/platform/errors';
import { openDb } from '@tally/platform/postgres';
import { failureOfCall, openProxy, openTestServer, outcomeOf, waitUntil, withPort } from '@tally/platform/testing';
import pg from 'pg';

import { type CartDatabase, openCartDatabase } from './database.ts';
import { run, startProcess } from './process.ts';
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
let user = 5000n;

beforeAll(async () => {
  [database, loms, products] = await Promise.all([openCartDatabase(), openFakeLoms(), openFakeProducts()]);
});

afterAll(async () => {
  for (const each of [loms, products, database]) await each[Symbol.asyncDispose]();
});

beforeEach(() => {
  user += 1n;
  for (const sku of [1, 2, 3]) loms.fake.stock.set(sku, 1_000_000);
  loms.fake.onCreate = (proceed) => proceed();
});

const around = (databaseUrl = database.url) => ({ databaseUrl, loms, products });
type Client = Pick<TestCart, 'client'>;
const add = ({ client }: Client, sku: number, count: bigint, options = within(10_000)) =>
  client.addItem({ user, item: { sku, count } }, options);
const checkout = ({ client }: Client, options = within(5000)) => client.checkout({ user }, options);
const contents = async ({ client }: Client) =>
  (await client.list({ user }, within(10_000))).items.map(({ sku, count }) => [sku, Number(count)]);
const stateOf = async () => (await database.checkoutsOf(user))[0]?.state;
const ordersOf = (who: bigint) => loms.fake.orders.filter(({ userId }) => userId === who);

/** A connection that locks the cart of this user, and does nothing more. */
async function holdCart(client = new pg.Client({ connectionString: database.url })): Promise<pg.Client> {
  client.on('error', () => {});
  await client.connect();
  await client.query('insert into carts values ($1) on conflict do nothing', [user]);
  await client.query('begin');
  return client;
}

describe('a paused holder of a cart', () => {
  test('between its two round trips delays others by little more than a second, and other carts not at all', async () => {
    await using cart = await openCart(around());
    await add(cart, 1, 1n);
    const holder = await holdCart();
    await holder.query('select from carts where user_id = $1 for update', [user]);
    const startedMs = performance.now();
    const delayed = add(cart, 1, 1n);
    const other = await outcomeOf(cart.client.addItem({ user: user + 1_000_000n, item: { sku: 1, count: 1n } }, within(5000)));
    const otherMs = performance.now() - startedMs;
    await delayed;
    const delayMs = performance.now() - startedMs;
    holder.end().catch(() => {});
    expect([other, otherMs < 500]).toEqual(['OK', true]);
    expect(delayMs).toBeGreaterThan(500);
    expect(delayMs).toBeLessThan(2500);
    expect(await contents(cart)).toEqual([[1, 2]]);
  }, 30_000);

  test('in the middle of a flush delays others by little more than the transaction timeout', async () => {
    await using cart = await openCart(around());
    await add(cart, 1, 1n);
    const holder = await holdCart();
    // Parse, bind and execute without a sync: the server has run it, and waits for the rest of the flush.
    const { connection } = holder as unknown as { connection: Record<string, (options?: object) => void> };
    connection['parse']?.({ text: `select from carts where user_id = ${user} for update` });
    connection['bind']?.({});
    connection['execute']?.({});
    connection['flush']?.();
    const isHeld = async () => {
      const { rows } = await database.db.query('select from carts where user_id = $1 for update skip locked', [user]);
      return rows.length === 0;
    };
    await waitUntil(isHeld, { what: 'the holder has its lock' });
    const startedMs = performance.now();
    await cart.client.deleteItem({ user, sku: 1 }, within(15_000));
    const delayMs = performance.now() - startedMs;
    holder.end().catch(() => {});
    expect(delayMs).toBeGreaterThan(2000);
    expect(delayMs).toBeLessThan(7000);
  }, 30_000);
});

describe('the database', () => {
  test('away: every call answers within its deadline; back: all works again, and the open checkout ends with one order', async () => {
    await using server = await openTestServer();
    const url = await server.database('cart');
    await using cart = await openCart(around(url));
    await add(cart, 1, 2n);
    let stopped: Promise<void> | undefined;
    loms.fake.onCreate = async (proceed) => {
      const answer = await proceed();
      stopped ??= server.stop();
      await stopped;
      return answer;
    };
    // The order is made, and cannot be written down.
    const failure = await failureOfCall(checkout(cart, within(3000)));
    expect([4, 14]).toContain(failure?.code as number);
    const codes = await Promise.all(
      [
        add(cart, 1, 1n, within(1000)),
        cart.client.deleteItem({ user, sku: 1 }, within(1000)),
        cart.client.list({ user }, within(1000)),
        cart.client.clear({ user }, within(1000)),
        checkout(cart, within(1000)),
      ].map(async (call) => (await failureOfCall(call))?.code),
    );
    for (const code of codes) expect([4, 14]).toContain(code as number);
    await server.start();
    await waitUntil(async () => (await outcomeOf(add(cart, 2, 1n, within(1000)))) === 'OK', { what: 'adding works again' });
    await using db = openDb({ url, applicationName: 'test', maxConnections: 1 });
    await db.query(`update checkouts set claimed_until = '-infinity' where state = 'open'`);
    const isDone = async () => (await db.query(`select from checkouts where state = 'done'`)).rows.length === 1;
    await waitUntil(isDone, { what: 'the checkout is done' });
    expect(ordersOf(user)).toHaveLength(1);
    expect(await contents(cart)).toEqual([[2, 1]]);
  }, 60_000);

  test('cut off right behind COMMIT, again and again: a key counts once, and every checkout is one order', async () => {
    await using proxy = await openProxy(Number(new URL(database.url).port));
    await using cart = await openCart(around(withPort(database.url, proxy.port)));
    await add(cart, 1, 1n);
    proxy.cutBehind('commit', 12);
    for (let round = 0; round < 10; round += 1) {
      const key = randomUUID();
      const added = async () => (await outcomeOf(add(cart, 1, 1n, withKey(key)))) === 'OK';
      await waitUntil(added, { what: 'it is added' });
      await waitUntil(async () => {
        const outcome = await outcomeOf(checkout(cart, withKey(key)));
        return outcome === 'OK' || outcome.endsWith('EMPTY_CART');
      }, { what: 'it is ordered' });
    }
    expect(proxy.cuts).toBe(12);
    const checkouts = await database.checkoutsOf(user);
    expect(checkouts.every(({ state }) => state === 'done')).toBe(true);
    expect(checkouts.map(({ order_id }) => order_id)).toEqual(ordersOf(user).map(({ id }) => id));
    const ordered = ordersOf(user).flatMap(({ lines }) => lines.map(([, count]) => count));
    expect(ordered.reduce((sum, count) => sum + count, 0)).toBe(11);
    expect(await contents(cart)).toEqual([]);
  }, 60_000);
});

describe('a neighbour away', () => {
  test('loms: what needs it is UNAVAILABLE, the rest works, and the checkout ends when it is back', async () => {
    await using cart = await openCart(around());
    await add(cart, 1, 2n);
    await loms.goAway();
    try {
      expect(await outcomeOf(checkout(cart))).toBe('UNAVAILABLE CHECKOUT_PENDING');
      expect(await outcomeOf(add(cart, 2, 1n))).toBe('UNAVAILABLE DEPENDENCY_UNAVAILABLE');
      expect(await contents(cart)).toEqual([[1, 2]]);
      expect(await outcomeOf(cart.client.deleteItem({ user, sku: 1 }, within(5000)))).toBe('OK');
    } finally {
      await loms.comeBack();
    }
    await database.endClaims();
    await waitUntil(async () => (await stateOf()) === 'done', { what: 'the checkout is done' });
    expect(ordersOf(user).map(({ lines }) => lines)).toEqual([[[1, 2]]]);
    await waitUntil(async () => (await outcomeOf(add(cart, 2, 1n))) === 'OK', { what: 'adding works again' });
  }, 30_000);

  test('loms, past decide_before: the checkout ends refused, no order appears later, the cart holds its lines', async () => {
    await using alone = await openCartDatabase();
    await using cart = await openCart(around(alone.url));
    await add(cart, 1, 2n);
    await loms.goAway();
    try {
      expect(await outcomeOf(checkout(cart, withKey('k')))).toBe('UNAVAILABLE CHECKOUT_PENDING');
      await alone.advance(60_000);
      loms.setClock(60_000);
      await alone.endClaims();
      expect(await outcomeOf(checkout(cart, withKey('k')))).toBe('UNAVAILABLE CHECKOUT_PENDING');
    } finally {
      await loms.comeBack();
    }
    await alone.endClaims();
    const state = async () => (await alone.checkoutsOf(user))[0]?.state;
    await waitUntil(async () => (await state()) === 'refused', { what: 'the checkout is refused' });
    expect(await contents(cart)).toEqual([[1, 2]]);
    expect(ordersOf(user).map(({ refusal }) => refusal?.reason)).toEqual(['CHECKOUT_EXPIRED']);
    loms.setClock(0);
    await alone.advance(-60_000);
    expect(await outcomeOf(checkout(cart, withKey('k')))).toBe('OK');
  }, 30_000);

  test('the product service: what needs it is UNAVAILABLE, the rest works, and it recovers', async () => {
    await using cart = await openCart(around());
    await using fresh = await openCart(around());
    await add(cart, 1, 2n);
    await products.goAway();
    try {
      expect(await outcomeOf(add(fresh, 1, 1n))).toBe('UNAVAILABLE PRODUCT_UNAVAILABLE');
      expect(await outcomeOf(fresh.client.list({ user }, within(5000)))).toBe('UNAVAILABLE PRODUCT_UNAVAILABLE');
      expect(await outcomeOf(checkout(fresh))).toBe('OK');
      expect(await outcomeOf(fresh.client.clear({ user }, within(5000)))).toBe('OK');
    } finally {
      await products.comeBack();
    }
    await waitUntil(async () => (await outcomeOf(add(fresh, 1, 1n))) === 'OK', { what: 'adding works again' });
  }, 30_000);
});

describe('cart killed between freezing and closing', () => {
  /** Resolves when OrderCreate is where the test wants it. */
  const steps: Record<string, (reached: () => void) => Promise<() => Promise<void>>> = {
    'before loms decides': async (reached) => {
      loms.fake.onCreate = () => {
        reached();
        return new Promise(() => {});
      };
      return async () => {};
    },
    'behind the decision of loms': async (reached) => {
      loms.fake.onCreate = async (proceed) => {
        await proceed();
        reached();
        return new Promise(() => {});
      };
      return async () => {};
    },
    'with the answer, before it is written': async (reached) => {
      const holder = new pg.Client({ connectionString: database.url });
      loms.fake.onCreate = async (proceed) => {
        const answer = await proceed();
        await holdCart(holder);
        await holder.query('select from carts where user_id = $1 for update', [user]);
        setTimeout(reached, 100);
        return answer;
      };
      return () => holder.end();
    },
  };
  for (const [name, prepare] of Object.entries(steps)) {
    test(`${name}: after the restart it is one order, exactly the ordered counts are gone`, async () => {
      await using cart = await openCart(around(), { resumeIntervalMs: 60_000 });
      await add(cart, 1, 2n);
      await add(cart, 2, 3n);
      await using doomed = await startProcess(around());
      const { promise, resolve } = Promise.withResolvers<void>();
      const cleanUp = await prepare(resolve);
      const pressed = failureOfCall(checkout(doomed, withKey('k', 10_000)));
      await promise;
      await doomed.end('SIGKILL');
      expect((await pressed)?.code).toBe(14);
      await cleanUp();
      expect(await stateOf()).toBe('open');
      loms.fake.onCreate = (proceed) => proceed();
      await add(cart, 1, 5n);
      await add(cart, 3, 1n);
      await database.endClaims();
      await using restarted = await openCart(around());
      await waitUntil(async () => (await stateOf()) === 'done', { what: 'the checkout is done' });
      expect(ordersOf(user).map(({ lines }) => lines)).toEqual([[[1, 2], [2, 3]]]);
      expect(await contents(restarted)).toEqual([[1, 5], [3, 1]]);
      const { orderID } = await checkout(restarted, withKey('k'));
      expect(orderID).toBe(ordersOf(user)[0]?.id as bigint);
    }, 30_000);
  }
});

test('live callers and resumers of two instances at once: every checkout is one order', async () => {
  await using one = await openCart(around(), { resumeIntervalMs: 10 });
  await using two = await openCart(around(), { resumeIntervalMs: 10 });
  loms.fake.onCreate = async (proceed) => {
    await Bun.sleep(Math.random() * 30);
    const answer = await proceed();
    await Bun.sleep(Math.random() * 30);
    if (Math.random() < 0.3) throw new AppError('unavailable', 'the answer is lost');
    return answer;
  };
  const users = Array.from({ length: 10 }, (_, i) => user + 100_000n + BigInt(i));
  let isOver = false;
  const steal = (async () => {
    while (!isOver) {
      await database.endClaims();
      await Bun.sleep(5);
    }
  })();
  await Promise.all(
    users.map(async (who) => {
      await one.client.addItem({ user: who, item: { sku: 1, count: 2n } }, within(10_000));
      const presses = [one, two, one, two].map((cart, i) => failureOfCall(cart.client.checkout({ user: who }, withKey(String(i), 10_000))));
      await Promise.all(presses);
      await waitUntil(async () => (await database.checkoutsOf(who)).every(({ state }) => state === 'done'), { what: 'done' });
    }),
  );
  isOver = true;
  await steal;
  for (const who of users) {
    expect(ordersOf(who)).toHaveLength(1);
    expect(await database.checkoutsOf(who)).toMatchObject([{ state: 'done', order_id: ordersOf(who)[0]?.id }]);
    expect((await one.client.list({ user: who }, within(5000))).items).toEqual([]);
  }
}, 60_000);

describe('the end of the service', () => {
  test('calls in flight end, new ones are refused, and it ends within its drain limit', async () => {
    const cart = await openCart(around());
    await add(cart, 1, 2n);
    loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(300);
      return proceed();
    };
    const inFlight = outcomeOf(checkout(cart));
    await waitUntil(async () => (await stateOf()) === 'open', { what: 'it is frozen' });
    const startedMs = performance.now();
    const stopped = cart.running[Symbol.asyncDispose]();
    await Bun.sleep(50);
    const late = await outcomeOf(add(cart, 1, 1n, within(500)));
    expect(await inFlight).toBe('OK');
    expect(late).toStartWith('UNAVAILABLE');
    await stopped;
    expect(performance.now() - startedMs).toBeLessThan(2500);
    await cart[Symbol.asyncDispose]();
    expect(await stateOf()).toBe('done');
  }, 30_000);

  test('a checkout whose caller went away is finished before the end', async () => {
    const cart = await openCart(around(), { resumeIntervalMs: 60_000 });
    await add(cart, 1, 2n);
    const caller = new AbortController();
    loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(300);
      return proceed();
    };
    const gone = outcomeOf(cart.client.checkout({ user }, { ...within(5000), signal: caller.signal }));
    await waitUntil(async () => (await stateOf()) === 'open', { what: 'it is frozen' });
    caller.abort();
    expect(await gone).toStartWith('CANCELLED');
    await cart.running[Symbol.asyncDispose]();
    expect(await stateOf()).toBe('done');
    await cart[Symbol.asyncDispose]();
  }, 30_000);

  test('SIGTERM ends the process with 0, the call in flight answered', async () => {
    await using cart = await startProcess(around());
    await add(cart, 1, 2n);
    loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(300);
      return proceed();
    };
    const inFlight = outcomeOf(checkout(cart));
    await waitUntil(async () => (await stateOf()) === 'open', { what: 'it is frozen' });
    expect(await cart.end('SIGTERM')).toBe(0);
    expect(await inFlight).toBe('OK');
    expect(await stateOf()).toBe('done');
  }, 30_000);

  test('a bad configuration lists all its faults and ends with 1', async () => {
    const { child, said } = run('main.ts', { CART_GRPC_PORT: 'x', LOMS_ADDRESS: 'nowhere' });
    expect(await child.exited).toBe(1);
    for (const name of ['CART_GRPC_PORT', 'LOMS_ADDRESS', 'CART_DATABASE_URL', 'PRODUCT_TOKEN']) expect(await said).toContain(name);
  }, 30_000);
});

describe('closing by hand', () => {
  test('ends an open checkout with what loms says, else only where it is told to, and keeps the reason', async () => {
    await using cart = await openCart(around(), { resumeIntervalMs: 60_000 });
    await add(cart, 1, 2n);
    loms.fake.onCreate = () => Promise.reject(new AppError('unavailable', 'away'));
    await failureOfCall(checkout(cart));
    const [{ id } = { id: '' }] = await database.checkoutsOf(user);
    const env = { CART_DATABASE_URL: database.url, LOMS_ADDRESS: loms.address };
    const close = async (...args: string[]) => {
      const { child, said } = run('close-main.ts', env, args);
      return [await child.exited, await said] as const;
    };
    const [code, said] = await close(id, 'stuck', 'since', 'noon');
    expect([code, said.includes('does not say')]).toEqual([1, true]);
    expect(await stateOf()).toBe('open');
    expect((await close('nonsense', 'why'))[0]).toBe(1);
    expect((await close(id))[0]).toBe(1);
    const [done] = await close(id, 'stuck', 'since', 'noon', '--abandon');
    expect([done, await stateOf()]).toEqual([0, 'refused']);
    const { rows } = await database.db.query('select action, reason from audit where subject = $1', [id]);
    expect(rows).toEqual([{ action: 'close checkout', reason: 'stuck since noon' }]);
    expect(await contents(cart)).toEqual([[1, 2]]);
  }, 30_000);
});
