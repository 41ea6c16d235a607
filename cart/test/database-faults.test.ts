import { describe, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { Code } from '@tally/platform/grpc';
import { openDb } from '@tally/platform/postgres';
import {
  failureOfCall,
  openProxy,
  openTestServer,
  outcomeOf,
  waitUntil,
  withPort,
  withTimeout,
} from '@tally/platform/testing';

import { openCart, withKey } from './service.ts';
import { useSurroundings } from './shopper.ts';

const surroundings = useSurroundings();
const { connections, at, ordersOf } = surroundings;

const LATE_OR_AWAY = [Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE];

describe('a client that is paused while it holds the lock of a cart', () => {
  test('between its two round trips delays that cart by about a second, and other carts not at all', async () => {
    await using cart = await openCart(connections());
    await at(cart).add(1, 1n);
    const holder = await surroundings.database.openHolder(surroundings.user);
    await holder.query('select from carts where user_id = $1 for update', [surroundings.user]);
    const startedMs = performance.now();
    const delayed = at(cart).add(1, 1n);
    const other = await outcomeOf(
      cart.client.addItem({ user: surroundings.user + 1_000_000n, item: { sku: 1, count: 1n } }, withTimeout(5000)),
    );
    const otherMs = performance.now() - startedMs;
    await delayed;
    const delayMs = performance.now() - startedMs;
    holder.end().catch(() => {});
    expect([other, otherMs < 500]).toEqual(['OK', true]);
    expect(delayMs).toBeGreaterThan(500);
    expect(delayMs).toBeLessThan(2500);
    expect(await at(cart).contents()).toEqual([[1, 2]]);
  }, 30_000);

  test('in the middle of a flush delays that cart by about the transaction timeout', async () => {
    await using cart = await openCart(connections());
    await at(cart).add(1, 1n);
    const holder = await surroundings.database.openHolder(surroundings.user);
    // Parse, bind and execute without a sync: the server has run the statement and waits for the rest of the flush.
    const { connection } = holder as unknown as { connection: Record<string, (options?: object) => void> };
    connection['parse']?.({ text: `select from carts where user_id = ${surroundings.user} for update` });
    connection['bind']?.({});
    connection['execute']?.({});
    connection['flush']?.();
    const isHeld = async () => {
      const { rows } = await surroundings.database.db.query(
        'select from carts where user_id = $1 for update skip locked',
        [surroundings.user],
      );
      return rows.length === 0;
    };
    await waitUntil(isHeld, { what: 'the client holds the lock' });
    const startedMs = performance.now();
    await at(cart).remove(1, withTimeout(15_000));
    const delayMs = performance.now() - startedMs;
    holder.end().catch(() => {});
    expect(delayMs).toBeGreaterThan(2000);
    expect(delayMs).toBeLessThan(7000);
  }, 30_000);
});

describe('the database', () => {
  test('is away: calls are answered in time; when it is back, the open checkout makes one order', async () => {
    await using server = await openTestServer();
    const url = await server.database('cart');
    await using cart = await openCart(connections(url));
    await at(cart).add(1, 2n);
    let stopped: Promise<void> | undefined;
    surroundings.loms.fake.onCreate = async (proceed) => {
      const answer = await proceed();
      stopped ??= server.stop();
      await stopped;
      return answer;
    };
    // loms made the order, and cart cannot record it.
    const failure = await failureOfCall(at(cart).checkout(withTimeout(3000)));
    expect(LATE_OR_AWAY).toContain(failure?.code as Code);
    const codes = await Promise.all(
      [
        at(cart).add(1, 1n, withTimeout(1000)),
        at(cart).remove(1, withTimeout(1000)),
        at(cart).list(withTimeout(1000)),
        at(cart).clear(withTimeout(1000)),
        at(cart).checkout(withTimeout(1000)),
      ].map(async (call) => (await failureOfCall(call))?.code),
    );
    for (const code of codes) expect(LATE_OR_AWAY).toContain(code as Code);
    await server.start();
    await waitUntil(async () => (await outcomeOf(at(cart).add(2, 1n, withTimeout(1000)))) === 'OK', {
      what: 'adding works again',
    });
    await using db = openDb({ url, applicationName: 'test', maxConnections: 1 });
    await db.query(`update checkouts set claimed_until = '-infinity' where state = 'open'`);
    const isDone = async () => (await db.query(`select from checkouts where state = 'done'`)).rows.length === 1;
    await waitUntil(isDone, { what: 'the checkout is done' });
    expect(ordersOf(surroundings.user)).toHaveLength(1);
    expect(await at(cart).contents()).toEqual([[2, 1]]);
  }, 60_000);

  test('is cut off right after COMMIT, repeatedly: a key counts once, and a checkout makes one order', async () => {
    await using proxy = await openProxy(Number(new URL(surroundings.database.url).port));
    await using cart = await openCart(connections(withPort(surroundings.database.url, proxy.port)));
    await at(cart).add(1, 1n);
    proxy.cutAfter('commit', 12);
    for (let round = 0; round < 10; round += 1) {
      const key = randomUUID();
      const added = async () => (await outcomeOf(at(cart).add(1, 1n, withKey(key)))) === 'OK';
      await waitUntil(added, { what: 'the item is added' });
      await waitUntil(
        async () => {
          const outcome = await outcomeOf(at(cart).checkout(withKey(key)));
          return outcome === 'OK' || outcome.endsWith('EMPTY_CART');
        },
        { what: 'the cart is ordered' },
      );
    }
    expect(proxy.cuts).toBe(12);
    const checkouts = await surroundings.database.checkoutsOf(surroundings.user);
    expect(checkouts.every(({ state }) => state === 'done')).toBe(true);
    expect(checkouts.map(({ order_id }) => order_id)).toEqual(ordersOf(surroundings.user).map(({ id }) => id));
    const ordered = ordersOf(surroundings.user).flatMap(({ lines }) => lines.map(([, count]) => count));
    expect(ordered.reduce((sum, count) => sum + count, 0)).toBe(11);
    expect(await at(cart).contents()).toEqual([]);
  }, 60_000);

  test('is cut off right after COMMIT: AddItem counts at most once, and with a key exactly once', async () => {
    await using proxy = await openProxy(Number(new URL(surroundings.database.url).port));
    await using cart = await openCart(connections(withPort(surroundings.database.url, proxy.port)));
    await at(cart).list();
    for (const round of [1, 2, 3, 4, 5]) {
      proxy.cutAfter('commit', 1);
      // The call may have counted, so it is not repeated: only the shopper can tell whether to add again.
      expect(await outcomeOf(at(cart).add(1, 1n))).toBe('UNAVAILABLE DATABASE_UNAVAILABLE');
      expect(proxy.cuts).toBe(round);
    }
    // The proxy cuts the connection after COMMIT was sent, so up to five of the calls were committed.
    const [[sku, count] = []] = await at(cart).contents();
    expect(sku).toBe(1);
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(5);
    for (let round = 0; round < 5; round += 1) {
      proxy.cutAfter('commit', 2);
      expect(await outcomeOf(at(cart).add(2, 1n, withKey(randomUUID(), 10_000)))).toBe('OK');
    }
    expect((await at(cart).contents()).slice(1)).toEqual([[2, 5]]);
  }, 60_000);
});
