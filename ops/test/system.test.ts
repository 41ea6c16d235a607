import { expect, test } from 'bun:test';

import { failureOfCall, outcomeOf, range, waitUntil, withTimeout } from '@tally/platform/testing';

import { type TestSystem, openSystem } from './system.ts';

const add = ({ cart }: TestSystem, user: bigint, sku: number, count = 1n) =>
  cart.addItem({ user, item: { sku, count } }, withTimeout(10_000));

test('a shopper fills a cart, checks out and pays, and the notifications carry the trace of the call', async () => {
  await using system = await openSystem();
  await system.stock(1, 10);
  await add(system, 7n, 1, 2n);
  const traceId = 'a'.repeat(32);
  const headers = { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` };
  const { orderID: orderId } = await system.cart.checkout({ user: 7n }, withTimeout(5000, headers));
  await system.loms.orderPay({ orderId }, withTimeout(5000));
  await waitUntil(async () => (await system.notifier.list({ orderId }, withTimeout(5000))).items.length === 3, {
    what: 'all three statuses are notified',
  });
  const { items } = await system.notifier.list({ orderId }, withTimeout(5000));
  expect(items.map(({ version, status }) => [version, status])).toEqual([
    [1, 'new'],
    [2, 'awaiting payment'],
    [3, 'payed'],
  ]);
  const { rows } = await system.db.notifier.query('select traceparent from notifications where version = 2', []);
  expect(rows[0].traceparent).toContain(traceId);
  expect((await system.cart.list({ user: 7n }, withTimeout(5000))).items).toEqual([]);
  await system.settle();
}, 60_000);

test('one checkout that is pressed 20 times over two instances of loms is one order, and every caller gets its id', async () => {
  await using system = await openSystem({ lomsInstances: 2 });
  await system.stock(1, 100);
  for (const user of range(5).map((n) => BigInt(n + 1))) {
    await add(system, user, 1, 2n);
    const presses = await Promise.all(
      range(20).map(async () => {
        const call = system.cart.checkout({ user }, withTimeout(10_000));
        const failure = await failureOfCall(call);
        return failure === undefined ? String((await call).orderID) : `${failure.values['lastOrderId']}`;
      }),
    );
    expect(new Set(presses).size).toBe(1);
  }
  const { rows } = await system.db.loms.query('select count(*)::int as n from orders', []);
  expect(rows).toEqual([{ n: 5 }]);
  await system.settle();
}, 60_000);

test('every checkout is one order while live callers and resumers of two carts race over two instances of loms', async () => {
  await using system = await openSystem({ cartInstances: 2, lomsInstances: 2 });
  await system.stock(1, 1000);
  const users = range(20).map((n) => BigInt(n + 1));
  for (const user of users) await add(system, user, 1, 3n);
  // Every claim ends at once, so the resumers also work on what live callers work on.
  const racing = { isOver: false };
  const ending = (async () => {
    while (!racing.isOver)
      await system.db.cart.query(`update checkouts set claimed_until = '-infinity' where state = 'open'`, []);
  })();
  const answers = await Promise.all(
    users.map(async (user) => {
      const presses = range(5).map(async () => {
        const call = system.cart.checkout({ user }, withTimeout(10_000));
        const failure = await failureOfCall(call);
        return failure === undefined ? String((await call).orderID) : `${failure.values['lastOrderId']}`;
      });
      return new Set(await Promise.all(presses));
    }),
  );
  racing.isOver = true;
  await ending;
  expect(answers.map(({ size }) => size)).toEqual(users.map(() => 1));
  const { rows } = await system.db.loms.query(
    'select user_id::int as u, count(*)::int as n from orders group by 1',
    [],
  );
  expect(rows.map(({ n }) => n)).toEqual(users.map(() => 1));
  await system.settle();
}, 60_000);

test('400 shoppers with 100 units in stock make 100 orders, and 300 still have their carts', async () => {
  await using system = await openSystem({ lomsInstances: 2 });
  await system.stock(1, 100);
  const users = range(400).map((n) => BigInt(n + 1));
  await Promise.all(users.map((user) => add(system, user, 1)));
  const outcomes = await Promise.all(
    users.map((user) => outcomeOf(system.cart.checkout({ user }, withTimeout(20_000)))),
  );
  expect(outcomes.filter((outcome) => outcome === 'OK')).toHaveLength(100);
  expect(outcomes.filter((outcome) => outcome === 'FAILED_PRECONDITION INSUFFICIENT_STOCK')).toHaveLength(300);
  const { rows } = await system.db.cart.query('select count(*)::int as n from cart_items', []);
  expect(rows).toEqual([{ n: 300 }]);
  await system.settle();
}, 60_000);

test('30 Lists over 60 skus with a cold cache make at most 11 product calls a second, and at least 9 while callers wait', async () => {
  await using system = await openSystem({ maxProductCallsPerSecond: 11 });
  // The lines are inserted with SQL, because AddItem would fill the cache.
  await system.db.cart.query(
    `with owner as (insert into carts (user_id) select generate_series(1, 30))
     insert into cart_items (user_id, sku, count, name, price)
     select u, 1 + ((u * 7 + n * 3) % 60), 1, 'old name', 1 from generate_series(1, 30) u, generate_series(0, 19) n`,
  );
  const lists = await Promise.all(range(30).map((n) => system.cart.list({ user: BigInt(n + 1) }, withTimeout(15_000))));
  for (const { items } of lists) {
    expect(items).toHaveLength(20);
    expect(items.every(({ name }) => name.startsWith('Product '))).toBe(true);
    expect(items.map(({ sku }) => sku)).toEqual(items.map(({ sku }) => sku).toSorted((a, b) => a - b));
  }
  const seconds = (await (await fetch(`http://127.0.0.1:${system.product.httpPort}/calls.json`)).json()) as {
    calls: number;
    refused: number;
  }[];
  const asked = seconds.filter(({ calls }) => calls > 0);
  expect(asked.reduce((sum, { calls }) => sum + calls, 0)).toBe(60);
  for (const { calls } of asked) expect(calls).toBeLessThanOrEqual(11);
  // The first and the last second are incomplete.
  for (const { calls } of asked.slice(1, -1)) expect(calls).toBeGreaterThanOrEqual(9);
}, 60_000);

test('while the product service is down, AddItem fails as documented, Checkout works, and everything recovers', async () => {
  await using system = await openSystem();
  await system.stock(1, 10);
  await add(system, 7n, 1);
  system.product.control({ fault: 'unavailable', faultRate: 1 });
  expect(await outcomeOf(add(system, 7n, 2))).toBe('UNAVAILABLE PRODUCT_UNAVAILABLE');
  const { orderID } = await system.cart.checkout({ user: 7n }, withTimeout(5000));
  expect(orderID).toBeGreaterThan(0n);
  system.product.control({ fault: 'none' });
  await system.stock(2, 10);
  expect(await outcomeOf(add(system, 7n, 2))).toBe('OK');
  await system.settle();
}, 60_000);

test('while loms is down, Checkout is pending and List works, and the checkout becomes one order when loms is back', async () => {
  await using system = await openSystem();
  await system.stock(1, 10);
  await add(system, 7n, 1, 3n);
  await system.stopLoms();
  expect(await outcomeOf(system.cart.checkout({ user: 7n }, withTimeout(2000)))).toBe('UNAVAILABLE CHECKOUT_PENDING');
  expect((await system.cart.list({ user: 7n }, withTimeout(2000))).items).toHaveLength(1);
  await system.startLoms();
  await waitUntil(
    async () =>
      (await outcomeOf(system.cart.checkout({ user: 7n }, withTimeout(2000)))) !== 'UNAVAILABLE CHECKOUT_PENDING',
    {
      what: 'the checkout is decided',
    },
  );
  const failure = await failureOfCall(system.cart.checkout({ user: 7n }, withTimeout(2000)));
  expect(failure?.reason).toBe('EMPTY_CART');
  const { rows } = await system.db.loms.query('select id::text, status::text from orders', []);
  expect(rows).toEqual([{ id: failure?.values['lastOrderId'], status: 'awaiting payment' }]);
  await system.settle();
}, 60_000);

test('if loms stays down past decide_before, the checkout ends refused, no order follows, and the cart keeps its lines', async () => {
  await using system = await openSystem();
  await system.stock(1, 10);
  await add(system, 7n, 1, 3n);
  await system.stopLoms();
  expect(await outcomeOf(system.cart.checkout({ user: 7n }, withTimeout(1000)))).toBe('UNAVAILABLE CHECKOUT_PENDING');
  for (const db of [system.db.cart, system.db.loms]) await db.query(`update tally_clock set shift = '61 s'`);
  await system.startLoms();
  const stateOf = async () => (await system.db.cart.query('select state::text from checkouts', [])).rows[0]?.state;
  await waitUntil(async () => (await stateOf()) === 'refused', { what: 'the checkout is refused', timeoutMs: 20_000 });
  expect((await system.cart.list({ user: 7n }, withTimeout(2000))).items.map(({ count }) => count)).toEqual([3n]);
  const { rows } = await system.db.loms.query('select status::text, cause::text from orders', []);
  expect(rows).toEqual([{ status: 'failed', cause: 'checkout expired' }]);
  const { orderID } = await system.cart.checkout({ user: 7n }, withTimeout(5000));
  expect(orderID).toBeGreaterThan(0n);
  await system.settle();
}, 60_000);
