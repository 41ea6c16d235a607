import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { RpcError } from '@tally/platform/grpc';
import {
  type TestDatabase,
  failureOfCall,
  openTestDatabase,
  outcomeOf,
  sendRaw,
  waitUntil,
  withTimeout,
} from '@tally/platform/testing';
import { Loms } from '@tally/proto/loms';

import { type LomsDatabase, openLomsDatabase } from './database.ts';
import { type TestLoms, openLoms } from './service.ts';

let database: LomsDatabase;
let log: TestDatabase;
let loms: TestLoms;
/** A sku with plenty of units. */
const SKU = 1076963;
/** A sku with more units held outside than there are. */
const OVERHELD_SKU = 2618151;
const UNKNOWN_SKU = 99;
const USER = 7n;

beforeAll(async () => {
  [database, log] = await Promise.all([openLomsDatabase(), openTestDatabase('log')]);
  await database.stock(SKU, 1_000_000);
  await database.stock(OVERHELD_SKU, 5, 7);
  loms = await openLoms({ databaseUrl: database.url, logUrl: log.url });
});

afterAll(async () => {
  await loms[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
});

const items = (count = 1n, sku = SKU) => [{ sku, count, name: 'a lamp', price: 3379 }];
const create = (more: object = {}, headers = {}) =>
  loms.client.orderCreate({ user: USER, items: items(), ...more }, withTimeout(5000, headers));
const newOrder = async () => (await create()).orderId;
const info = (orderId: bigint) => loms.client.orderInfo({ orderId }, withTimeout(5000));
const pay = (orderId: bigint) => loms.client.orderPay({ orderId }, withTimeout(5000));
const cancel = (orderId: bigint) => loms.client.orderCancel({ orderId }, withTimeout(5000));
const stock = (sku: number) => loms.client.stockInfo({ sku }, withTimeout(5000));
const statusOf = async (orderId: bigint) => (await info(orderId)).status;

/** Resolves with the failure of a call that has to be refused. */
async function refusalOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await failureOfCall(call);
  if (error === undefined) throw new Error('expected a refusal');
  return error;
}

describe('OrderCreate', () => {
  test('reserves the lines, and the order awaits payment', async () => {
    const { orderId } = await create({ items: items(3n) });
    const { status, user, items: lines } = await info(orderId);
    expect({ status, user }).toEqual({ status: 'awaiting payment', user: USER });
    expect(lines.map(({ sku, count, name, price }) => [sku, count, name, price])).toEqual([[SKU, 3n, 'a lamp', 3379]]);
  });

  test('sums the lines of one sku', async () => {
    const { orderId } = await create({ items: [...items(2n), ...items(3n)] });
    const { items: lines } = await info(orderId);
    expect(lines.map(({ sku, count }) => [sku, count])).toEqual([[SKU, 5n]]);
  });

  test('refuses a shortage with the id of the failed order and the list of shortages', async () => {
    const error = await refusalOf(create({ items: [...items(), ...items(4n, UNKNOWN_SKU)] }));
    expect([error.reason, error.domain]).toEqual(['INSUFFICIENT_STOCK', 'loms']);
    expect(JSON.parse(error.values['shortages'] ?? '')).toEqual([{ sku: UNKNOWN_SKU, requested: 4, available: 0 }]);
    expect(await statusOf(BigInt(error.values['orderId'] ?? 0))).toBe('failed');
  });

  test('treats units held outside as unavailable, even when more are held than there are', async () => {
    const error = await refusalOf(create({ items: items(1n, OVERHELD_SKU) }));
    expect(JSON.parse(error.values['shortages'] ?? '')).toEqual([{ sku: OVERHELD_SKU, requested: 1, available: 0 }]);
    expect((await stock(OVERHELD_SKU)).count).toBe(0n);
  });

  test('the refusal of 1,000 short lines fits into the response', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ sku: 4_000_000_000 + i, count: 65_535n }));
    const error = await refusalOf(create({ items: many }));
    expect(error.reason).toBe('INSUFFICIENT_STOCK');
    expect(error.values['total']).toBe('1000');
    expect(JSON.parse(error.values['shortages'] ?? '')).toHaveLength(20);
  });

  test('refuses lines of a sku that sum to more than 65535, and keeps no order', async () => {
    const error = await refusalOf(create({ items: [...items(65_535n), ...items(1n)] }));
    expect([error.code, error.reason]).toEqual([9, 'LINE_TOO_LARGE']);
    expect(error.values).toMatchObject({ sku: String(SKU), requested: '65536' });
  });

  test('answers a known checkout id with its order, in upper and lower case, and after the payment too', async () => {
    const checkoutId = randomUUID();
    const { orderId } = await create({ checkoutId });
    expect((await create({ checkoutId: checkoutId.toUpperCase() })).orderId).toBe(orderId);
    await pay(orderId);
    expect((await create({ checkoutId })).orderId).toBe(orderId);
  });

  test('refuses a checkout id that another user used, or that was used with other lines', async () => {
    const checkoutId = randomUUID();
    await create({ checkoutId });
    expect(await outcomeOf(create({ checkoutId, user: 8n }))).toBe('ALREADY_EXISTS CHECKOUT_ID_TAKEN');
    expect(await outcomeOf(create({ checkoutId, items: items(2n) }))).toBe('ALREADY_EXISTS CHECKOUT_ID_TAKEN');
  });

  test('keeps the order as failed after decide_before, and repeats that answer', async () => {
    const checkoutId = randomUUID();
    const first = await refusalOf(create({ checkoutId, decideBefore: timestampFromMs(1) }));
    const second = await refusalOf(create({ checkoutId }));
    expect([first.code, first.reason]).toEqual([9, 'CHECKOUT_EXPIRED']);
    expect(second.values).toEqual(first.values);
    expect(await statusOf(BigInt(first.values['orderId'] ?? 0))).toBe('failed');
  });

  test('a request without lines returns the known outcome, finds no order, or keeps a failed one', async () => {
    const known = randomUUID();
    const { orderId } = await create({ checkoutId: known });
    const ask = (checkoutId: string, ms: number) =>
      create({ checkoutId, items: [], decideBefore: timestampFromMs(ms) });
    expect((await ask(known, 1)).orderId).toBe(orderId);
    const unknown = randomUUID();
    expect(await outcomeOf(ask(unknown, Date.now() + 60_000))).toBe('NOT_FOUND UNKNOWN_CHECKOUT');
    const ended = await refusalOf(ask(unknown, 1));
    const original = await refusalOf(create({ checkoutId: unknown }));
    expect([ended.reason, original.reason]).toEqual(['CHECKOUT_EXPIRED', 'CHECKOUT_EXPIRED']);
    expect(original.values).toEqual(ended.values);
  });

  test('repeats the answer of an idempotency key, and refuses the key with another request', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const { orderId } = await create({}, headers);
    expect((await create({}, headers)).orderId).toBe(orderId);
    expect(await outcomeOf(create({ items: items(2n) }, headers))).toBe('ALREADY_EXISTS IDEMPOTENCY_KEY_REUSED');
    expect((await create({ user: 8n }, headers)).orderId).not.toBe(orderId);
  });

  test('repeats the refusal of a shortage for its idempotency key', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await refusalOf(create({ items: items(1n, UNKNOWN_SKU) }, headers));
    const second = await refusalOf(create({ items: items(1n, UNKNOWN_SKU) }, headers));
    expect(second.values).toEqual(first.values);
  });

  test('refuses a malformed idempotency key', async () => {
    const error = await refusalOf(create({}, { 'idempotency-key': 'x'.repeat(256) }));
    expect([error.code, error.violations[0]?.field]).toEqual([3, 'idempotency-key']);
  });
});

describe('OrderPay and OrderCancel', () => {
  test('a payment ships the goods, and a second payment changes nothing', async () => {
    const orderId = await newOrder();
    const before = await stock(SKU);
    await pay(orderId);
    await pay(orderId);
    expect(await statusOf(orderId)).toBe('payed');
    expect(await stock(SKU)).toEqual(before);
    expect(await outcomeOf(cancel(orderId))).toBe('FAILED_PRECONDITION WRONG_STATUS');
  });

  test('a cancellation releases the goods, and a second cancellation changes nothing', async () => {
    const orderId = await newOrder();
    const { count } = await stock(SKU);
    await cancel(orderId);
    await cancel(orderId);
    expect((await stock(SKU)).count).toBe(count + 1n);
    const error = await refusalOf(pay(orderId));
    expect([error.reason, error.values['status']]).toEqual(['WRONG_STATUS', 'cancelled']);
  });

  test('a failed order can be neither paid nor cancelled', async () => {
    const { values } = await refusalOf(create({ items: items(1n, UNKNOWN_SKU) }));
    const orderId = BigInt(values['orderId'] ?? 0);
    expect(await outcomeOf(pay(orderId))).toBe('FAILED_PRECONDITION WRONG_STATUS');
    expect(await outcomeOf(cancel(orderId))).toBe('FAILED_PRECONDITION WRONG_STATUS');
  });

  test('an unknown order is not found', async () => {
    const unknown = 2n ** 63n - 1n;
    expect(await outcomeOf(pay(unknown))).toBe('NOT_FOUND UNKNOWN_ORDER');
    expect(await outcomeOf(cancel(unknown))).toBe('NOT_FOUND UNKNOWN_ORDER');
    expect(await outcomeOf(info(unknown))).toBe('NOT_FOUND UNKNOWN_ORDER');
  });

  test('the sweep cancels an order that is unpaid at its deadline, and a late payment is refused', async () => {
    const orderId = await newOrder();
    await database.advance(600_000);
    await waitUntil(async () => (await statusOf(orderId)) === 'cancelled', { what: 'the order is cancelled' });
    const error = await refusalOf(pay(orderId));
    expect([error.code, error.reason]).toEqual([9, 'PAYMENT_EXPIRED']);
    expect(error.values['payBefore']).toMatch(/^\d{4}-/);
    expect(await outcomeOf(cancel(orderId))).toBe('OK');
    const { rows } = await database.db.query('select count(*)::int as n from order_events where order_id = $1', [
      orderId,
    ]);
    expect(rows).toEqual([{ n: 3 }]);
  });
});

test('a payment after the deadline cancels the order by itself, without a sweep', async () => {
  await using ownDatabase = await openLomsDatabase();
  await ownDatabase.stock(1, 1);
  const urls = { databaseUrl: ownDatabase.url, logUrl: log.url };
  // The first sweep runs at the start, and the second one long after the test.
  await using instance = await openLoms(urls, { expiryIntervalMs: 60_000 });
  const { client } = instance;
  const { orderId } = await client.orderCreate({ user: USER, items: items(1n, 1) }, withTimeout(5000));
  await ownDatabase.advance(600_000);
  const payLate = () => outcomeOf(client.orderPay({ orderId }, withTimeout(5000)));
  expect(await payLate()).toBe('FAILED_PRECONDITION PAYMENT_EXPIRED');
  expect((await client.stockInfo({ sku: 1 }, withTimeout(5000))).count).toBe(1n);
  expect(await payLate()).toBe('FAILED_PRECONDITION PAYMENT_EXPIRED');
  expect(await ownDatabase.disagreements()).toEqual([]);
});

describe('StockInfo', () => {
  test('a sku without stock is not found', async () => {
    expect(await outcomeOf(stock(4_294_967_295))).toBe('NOT_FOUND UNKNOWN_SKU');
  });
});

describe('bounds', () => {
  const MAX = 2n ** 63n - 1n;
  const INVALID = 'INVALID_ARGUMENT INVALID_REQUEST';
  const item = { sku: SKU, count: 1n };
  const decideBefore = timestampFromMs(1);
  const line = (more: object) => ({ items: [{ ...item, ...more }] });
  const table: [string, () => Promise<unknown>, string][] = [
    ['user 0', () => create({ user: 0n }), INVALID],
    ['user -1', () => create({ user: -1n }), INVALID],
    ['user 2^53+1', () => create({ user: 2n ** 53n + 1n }), 'OK'],
    ['user 2^63-1', () => create({ user: MAX }), 'OK'],
    ['no items', () => create({ items: [] }), INVALID],
    ['1001 items', () => create({ items: Array.from({ length: 1001 }, () => item) }), INVALID],
    ['sku 0', () => create(line({ sku: 0 })), INVALID],
    ['sku 2^32-1', () => create(line({ sku: 4_294_967_295 })), 'FAILED_PRECONDITION INSUFFICIENT_STOCK'],
    ['count 0', () => create(line({ count: 0n })), INVALID],
    ['count 65535', () => create(line({ count: 65_535n })), 'OK'],
    ['count 65536', () => create(line({ count: 65_536n })), INVALID],
    ['count 2^53+1', () => create(line({ count: 2n ** 53n + 1n })), INVALID],
    ['count 2^63-1', () => create(line({ count: MAX })), INVALID],
    ['count 2^64-1', () => create(line({ count: 2n ** 64n - 1n })), INVALID],
    ['a name of 500 characters', () => create(line({ name: 'ä'.repeat(500) })), 'OK'],
    ['a name of 501 characters', () => create(line({ name: 'ä'.repeat(501) })), INVALID],
    ['a name with U+0000', () => create(line({ name: 'a\0b' })), INVALID],
    ['price 2^32-1', () => create(line({ price: 4_294_967_295 })), 'OK'],
    ['an empty checkout id', () => create({ checkoutId: '' }), 'OK'],
    ['a checkout id that is not a UUID', () => create({ checkoutId: 'mine' }), INVALID],
    ['decide_before without a checkout id', () => create({ decideBefore }), INVALID],
    ['no items without decide_before', () => create({ items: [], checkoutId: randomUUID() }), INVALID],
    ['order 0', () => info(0n), INVALID],
    ['order -1 to pay', () => pay(-1n), INVALID],
    ['order 0 to cancel', () => cancel(0n), INVALID],
    ['order 2^53+1', () => info(2n ** 53n + 1n), 'NOT_FOUND UNKNOWN_ORDER'],
    ['stock of sku 0', () => stock(0), INVALID],
  ];
  for (const [name, call, outcome] of table) {
    test(`${name}: ${outcome}`, async () => expect(await outcomeOf(call())).toBe(outcome));
  }

  test('one answer lists all violations of a request', async () => {
    const error = await refusalOf(create({ user: 0n, items: [{ sku: 0, count: 0n, name: 'a\0b' }] }));
    expect(error.violations.map(({ field }) => field).toSorted()).toEqual([
      'items[0].count',
      'items[0].name',
      'items[0].sku',
      'user',
    ]);
  });

  test('an answer lists at most 20 violations, and counts all of them', async () => {
    const error = await refusalOf(create({ items: Array.from({ length: 100 }, () => ({ sku: 0, count: 0n })) }));
    expect([error.violations.length, error.values['violations']]).toEqual([20, '200']);
  });

  for (const { name: method } of Loms.methods) {
    test(`${method} refuses bytes that are not a message, and the service goes on`, async () => {
      const error = await sendRaw(loms.address, `/loms.Loms/${method}`, new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0xff]));
      expect([error?.code, error?.reason]).toEqual([3, 'MALFORMED_REQUEST']);
      expect(await newOrder()).toBeGreaterThan(0n);
    });
  }
});

test('a full queue refuses with QUEUE_FULL and the time of the next attempt', async () => {
  await using small = await openLoms({ databaseUrl: database.url, logUrl: log.url }, { maxQueuedCommands: 1 });
  const calls = Array.from({ length: 50 }, () =>
    small.client.orderCreate({ user: USER, items: items() }, withTimeout(5000)),
  );
  const errors = await Promise.all(calls.map(failureOfCall));
  const full = errors.filter((error) => error?.reason === 'QUEUE_FULL');
  expect(full.length).toBeGreaterThan(0);
  expect([full[0]?.code, full[0]?.retryAfterMs]).toEqual([8, 500]);
});

test('ledger, counters, orders and events agree after all tests of this file', async () => {
  expect(await database.disagreements()).toEqual([]);
});
