import { describe, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { openDb } from '@tally/platform/postgres';
import { failureOfCall, openProxy, openTestServer, outcomeOf, waitUntil, withPort } from '@tally/platform/testing';

import { openCart, withKey, within } from './service.ts';
import { useStreet } from './shop.ts';

const street = useStreet();
const { around, at, ordersOf } = street;

describe('a paused holder of a cart', () => {
  test('between its two round trips delays others by little more than a second, and other carts not at all', async () => {
    await using cart = await openCart(around());
    await at(cart).add(1, 1n);
    const holder = await street.database.openHolder(street.user);
    await holder.query('select from carts where user_id = $1 for update', [street.user]);
    const startedMs = performance.now();
    const delayed = at(cart).add(1, 1n);
    const other = await outcomeOf(
      cart.client.addItem({ user: street.user + 1_000_000n, item: { sku: 1, count: 1n } }, within(5000)),
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

  test('in the middle of a flush delays others by little more than the transaction timeout', async () => {
    await using cart = await openCart(around());
    await at(cart).add(1, 1n);
    const holder = await street.database.openHolder(street.user);
    // Parse, bind and execute without a sync: the server has run it, and waits for the rest of the flush.
    const { connection } = holder as unknown as { connection: Record<string, (options?: object) => void> };
    connection['parse']?.({ text: `select from carts where user_id = ${street.user} for update` });
    connection['bind']?.({});
    connection['execute']?.({});
    connection['flush']?.();
    const isHeld = async () => {
      const { rows } = await street.database.db.query('select from carts where user_id = $1 for update skip locked', [
        street.user,
      ]);
      return rows.length === 0;
    };
    await waitUntil(isHeld, { what: 'the holder has its lock' });
    const startedMs = performance.now();
    await cart.client.deleteItem({ user: street.user, sku: 1 }, within(15_000));
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
    await at(cart).add(1, 2n);
    let stopped: Promise<void> | undefined;
    street.loms.fake.onCreate = async (proceed) => {
      const answer = await proceed();
      stopped ??= server.stop();
      await stopped;
      return answer;
    };
    // The order is made, and cannot be written down.
    const failure = await failureOfCall(at(cart).checkout(within(3000)));
    expect([4, 14]).toContain(failure?.code as number);
    const codes = await Promise.all(
      [
        at(cart).add(1, 1n, within(1000)),
        cart.client.deleteItem({ user: street.user, sku: 1 }, within(1000)),
        cart.client.list({ user: street.user }, within(1000)),
        cart.client.clear({ user: street.user }, within(1000)),
        at(cart).checkout(within(1000)),
      ].map(async (call) => (await failureOfCall(call))?.code),
    );
    for (const code of codes) expect([4, 14]).toContain(code as number);
    await server.start();
    await waitUntil(async () => (await outcomeOf(at(cart).add(2, 1n, within(1000)))) === 'OK', {
      what: 'adding works again',
    });
    await using db = openDb({ url, applicationName: 'test', maxConnections: 1 });
    await db.query(`update checkouts set claimed_until = '-infinity' where state = 'open'`);
    const isDone = async () => (await db.query(`select from checkouts where state = 'done'`)).rows.length === 1;
    await waitUntil(isDone, { what: 'the checkout is done' });
    expect(ordersOf(street.user)).toHaveLength(1);
    expect(await at(cart).contents()).toEqual([[2, 1]]);
  }, 60_000);

  test('cut off right behind COMMIT, again and again: a key counts once, and every checkout is one order', async () => {
    await using proxy = await openProxy(Number(new URL(street.database.url).port));
    await using cart = await openCart(around(withPort(street.database.url, proxy.port)));
    await at(cart).add(1, 1n);
    proxy.cutBehind('commit', 12);
    for (let round = 0; round < 10; round += 1) {
      const key = randomUUID();
      const added = async () => (await outcomeOf(at(cart).add(1, 1n, withKey(key)))) === 'OK';
      await waitUntil(added, { what: 'it is added' });
      await waitUntil(
        async () => {
          const outcome = await outcomeOf(at(cart).checkout(withKey(key)));
          return outcome === 'OK' || outcome.endsWith('EMPTY_CART');
        },
        { what: 'it is ordered' },
      );
    }
    expect(proxy.cuts).toBe(12);
    const checkouts = await street.database.checkoutsOf(street.user);
    expect(checkouts.every(({ state }) => state === 'done')).toBe(true);
    expect(checkouts.map(({ order_id }) => order_id)).toEqual(ordersOf(street.user).map(({ id }) => id));
    const ordered = ordersOf(street.user).flatMap(({ lines }) => lines.map(([, count]) => count));
    expect(ordered.reduce((sum, count) => sum + count, 0)).toBe(11);
    expect(await at(cart).contents()).toEqual([]);
  }, 60_000);

  test('cut off right behind COMMIT, an add without a key counts at most once, and one with a key exactly once', async () => {
    await using proxy = await openProxy(Number(new URL(street.database.url).port));
    await using cart = await openCart(around(withPort(street.database.url, proxy.port)));
    await at(cart).list();
    for (const round of [1, 2, 3, 4, 5]) {
      proxy.cutBehind('commit', 1);
      // It may have counted: only the shopper can say whether to add once more.
      expect(await outcomeOf(at(cart).add(1, 1n))).toBe('UNAVAILABLE DATABASE_UNAVAILABLE');
      expect(proxy.cuts).toBe(round);
    }
    // As many as were committed, which all were before the cut.
    const [[sku, count] = []] = await at(cart).contents();
    expect(sku).toBe(1);
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(5);
    for (let round = 0; round < 5; round += 1) {
      proxy.cutBehind('commit', 2);
      expect(await outcomeOf(at(cart).add(2, 1n, withKey(randomUUID(), 10_000)))).toBe('OK');
    }
    expect((await at(cart).contents()).slice(1)).toEqual([[2, 5]]);
  }, 60_000);
});
