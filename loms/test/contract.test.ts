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
  withTimeout,
} from '@tally/platform/testing';

import { type LomsDatabase, openLomsDatabase } from './database.ts';
import { type TestLoms, openLoms } from './service.ts';

let database: LomsDatabase;
let log: TestDatabase;
let loms: TestLoms;
const SKU = 1076963;
const USER = 7n;

beforeAll(async () => {
  [database, log] = await Promise.all([openLomsDatabase(), openTestDatabase('log')]);
  await database.stock(SKU, 1_000_000);
  await database.stock(2618151, 5, 7);
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
const statusOf = async (orderId: bigint) => (await loms.client.orderInfo({ orderId }, withTimeout(5000))).status;
const isCancelled = async (orderId: bigint) => (await statusOf(orderId)) === 'cancelled';

async function refusalOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await failureOfCall(call);
  if (error === undefined) throw new Error('expected a refusal');
  return error;
}

describe('OrderCreate', () => {
  test('reserves and awaits payment', async () => {
    const { orderId } = await create({ items: items(3n) });
    const { status, user, items: lines } = await loms.client.orderInfo({ orderId }, withTimeout(5000));
    expect({ status, user }).toEqual({ status: 'awaiting payment', user: USER });
    expect(lines.map(({ sku, count, name, price }) => [sku, count, name, price])).toEqual([[SKU, 3n, 'a lamp', 3379]]);
  });

  test('sums lines of one sku', async () => {
    const { orderId } = await create({ items: [...items(2n), ...items(3n)] });
    const { items: lines } = await loms.client.orderInfo({ orderId }, withTimeout(5000));
    expect(lines.map(({ sku, count }) => [sku, count])).toEqual([[SKU, 5n]]);
  });

  test('answers a shortage with the failed order and what is missing', async () => {
    const error = await refusalOf(create({ items: [...items(), ...items(4n, 99)] }));
    expect([error.reason, error.domain]).toEqual(['INSUFFICIENT_STOCK', 'loms']);
    expect(JSON.parse(error.values['shortages'] ?? '')).toEqual([{ sku: 99, requested: 4, available: 0 }]);
    expect(await statusOf(BigInt(error.values['orderId'] ?? 0))).toBe('failed');
  });

  test('counts what is held outside as gone, also where more is held than there is', async () => {
    const error = await refusalOf(create({ items: items(1n, 2618151) }));
    expect(JSON.parse(error.values['shortages'] ?? '')).toEqual([{ sku: 2618151, requested: 1, available: 0 }]);
    expect((await loms.client.stockInfo({ sku: 2618151 }, withTimeout(5000))).count).toBe(0n);
  });

  test('a refusal of 1,000 short lines arrives as itself', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ sku: 4_000_000_000 + i, count: 65_535n }));
    const error = await refusalOf(create({ items: many }));
    expect(error.reason).toBe('INSUFFICIENT_STOCK');
    expect(error.values['total']).toBe('1000');
    expect(JSON.parse(error.values['shortages'] ?? '')).toHaveLength(20);
  });

  test('refuses a line that sums to more than 65535 and keeps no order', async () => {
    const error = await refusalOf(create({ items: [...items(65_535n), ...items(1n)] }));
    expect([error.code, error.reason]).toEqual([9, 'LINE_TOO_LARGE']);
    expect(error.values).toMatchObject({ sku: String(SKU), requested: '65536' });
  });

  test('answers a known checkout id with its order, however it is spelled, for ever', async () => {
    const checkoutId = randomUUID();
    const { orderId } = await create({ checkoutId });
    expect((await create({ checkoutId: checkoutId.toUpperCase() })).orderId).toBe(orderId);
    await loms.client.orderPay({ orderId }, withTimeout(5000));
    expect((await create({ checkoutId })).orderId).toBe(orderId);
  });

  test('refuses a checkout id of another user or other lines', async () => {
    const checkoutId = randomUUID();
    await create({ checkoutId });
    expect(await outcomeOf(create({ checkoutId, user: 8n }))).toBe('ALREADY_EXISTS CHECKOUT_ID_TAKEN');
    expect(await outcomeOf(create({ checkoutId, items: items(2n) }))).toBe('ALREADY_EXISTS CHECKOUT_ID_TAKEN');
  });

  test('past decide_before it keeps the order as failed, and the answer stays', async () => {
    const checkoutId = randomUUID();
    const late = () => create({ checkoutId, decideBefore: timestampFromMs(1) });
    const first = await refusalOf(late());
    const second = await refusalOf(create({ checkoutId }));
    expect([first.code, first.reason]).toEqual([9, 'CHECKOUT_EXPIRED']);
    expect(second.values).toEqual(first.values);
    expect(await statusOf(BigInt(first.values['orderId'] ?? 0))).toBe('failed');
  });

  test('a question without lines tells what is known, finds nothing, or ends it', async () => {
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

  test('replays a key, and refuses it with another request', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const { orderId } = await create({}, headers);
    expect((await create({}, headers)).orderId).toBe(orderId);
    expect(await outcomeOf(create({ items: items(2n) }, headers))).toBe('ALREADY_EXISTS IDEMPOTENCY_KEY_REUSED');
    expect((await create({ user: 8n }, headers)).orderId).not.toBe(orderId);
  });

  test('a key keeps the refusal of a shortage', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await refusalOf(create({ items: items(1n, 99) }, headers));
    const second = await refusalOf(create({ items: items(1n, 99) }, headers));
    expect(second.values).toEqual(first.values);
  });

  test('refuses a malformed key', async () => {
    const error = await refusalOf(create({}, { 'idempotency-key': 'x'.repeat(256) }));
    expect([error.code, error.violations[0]?.field]).toEqual([3, 'idempotency-key']);
  });
});

describe('OrderPay and OrderCancel', () => {
  const payOf = (orderId: bigint) => loms.client.orderPay({ orderId }, withTimeout(5000));
  const cancelOf = (orderId: bigint) => loms.client.orderCancel({ orderId }, withTimeout(5000));

  test('a pay ships the goods, and again is fine', async () => {
    const orderId = await newOrder();
    const before = await loms.client.stockInfo({ sku: SKU }, withTimeout(5000));
    await payOf(orderId);
    await payOf(orderId);
    expect(await statusOf(orderId)).toBe('payed');
    expect(await loms.client.stockInfo({ sku: SKU }, withTimeout(5000))).toEqual(before);
    expect(await outcomeOf(cancelOf(orderId))).toBe('FAILED_PRECONDITION WRONG_STATUS');
  });

  test('a cancel releases, and again is fine', async () => {
    const orderId = await newOrder();
    const { count } = await loms.client.stockInfo({ sku: SKU }, withTimeout(5000));
    await cancelOf(orderId);
    await cancelOf(orderId);
    expect((await loms.client.stockInfo({ sku: SKU }, withTimeout(5000))).count).toBe(count + 1n);
    const error = await refusalOf(payOf(orderId));
    expect([error.reason, error.values['status']]).toEqual(['WRONG_STATUS', 'cancelled']);
  });

  test('a failed order can be neither paid nor cancelled', async () => {
    const { values } = await refusalOf(create({ items: items(1n, 99) }));
    const orderId = BigInt(values['orderId'] ?? 0);
    expect(await outcomeOf(payOf(orderId))).toBe('FAILED_PRECONDITION WRONG_STATUS');
    expect(await outcomeOf(cancelOf(orderId))).toBe('FAILED_PRECONDITION WRONG_STATUS');
  });

  test('an unknown order is not found', async () => {
    const unknown = 2n ** 63n - 1n;
    expect(await outcomeOf(payOf(unknown))).toBe('NOT_FOUND UNKNOWN_ORDER');
    expect(await outcomeOf(cancelOf(unknown))).toBe('NOT_FOUND UNKNOWN_ORDER');
    expect(await outcomeOf(loms.client.orderInfo({ orderId: unknown }, withTimeout(5000)))).toBe(
      'NOT_FOUND UNKNOWN_ORDER',
    );
  });

  test('an unpaid order is cancelled at its deadline by the sweep; a late pay is told so', async () => {
    const orderId = await newOrder();
    await database.advance(600_000);
    while (!(await isCancelled(orderId))) await Bun.sleep(10);
    const error = await refusalOf(payOf(orderId));
    expect([error.code, error.reason]).toEqual([9, 'PAYMENT_EXPIRED']);
    expect(error.values['payBefore']).toMatch(/^\d{4}-/);
    expect(await outcomeOf(cancelOf(orderId))).toBe('OK');
    const { rows } = await database.db.query('select count(*)::int as n from order_events where order_id = $1', [
      orderId,
    ]);
    expect(rows).toEqual([{ n: 3 }]);
  });
});

describe('without a sweep', () => {
  test('a pay after the deadline cancels the order and gives the units back', async () => {
    await using still = await openLoms({ databaseUrl: database.url, logUrl: log.url }, { expiryIntervalMs: 60_000 });
    await using quiet = await openLomsDatabase();
    await quiet.stock(1, 1);
    await using alone = await openLoms({ databaseUrl: quiet.url, logUrl: log.url }, { expiryIntervalMs: 60_000 });
    const { orderId } = await alone.client.orderCreate({ user: USER, items: items(1n, 1) }, withTimeout(5000));
    await quiet.advance(600_000);
    expect(await outcomeOf(alone.client.orderPay({ orderId }, withTimeout(5000)))).toBe(
      'FAILED_PRECONDITION PAYMENT_EXPIRED',
    );
    expect((await alone.client.stockInfo({ sku: 1 }, withTimeout(5000))).count).toBe(1n);
    expect(await outcomeOf(alone.client.orderPay({ orderId }, withTimeout(5000)))).toBe(
      'FAILED_PRECONDITION PAYMENT_EXPIRED',
    );
    expect(await quiet.disagreements()).toEqual([]);
    expect(still.running.grpcPort).toBeGreaterThan(0);
  });
});

describe('StockInfo', () => {
  test('an unknown sku is not found', async () => {
    expect(await outcomeOf(loms.client.stockInfo({ sku: 4_294_967_295 }, withTimeout(5000)))).toBe(
      'NOT_FOUND UNKNOWN_SKU',
    );
  });
});

describe('bounds', () => {
  const MAX = 2n ** 63n - 1n;
  const wrong = 'INVALID_ARGUMENT INVALID_REQUEST';
  const item = { sku: SKU, count: 1n };
  const decideBefore = timestampFromMs(1);
  const line = (more: object) => ({ items: [{ ...item, ...more }] });
  const table: [string, () => Promise<unknown>, string][] = [
    ['user 0', () => create({ user: 0n }), wrong],
    ['user -1', () => create({ user: -1n }), wrong],
    ['user 2^53+1', () => create({ user: 2n ** 53n + 1n }), 'OK'],
    ['user 2^63-1', () => create({ user: MAX }), 'OK'],
    ['no items', () => create({ items: [] }), wrong],
    ['1001 items', () => create({ items: Array.from({ length: 1001 }, () => item) }), wrong],
    ['sku 0', () => create(line({ sku: 0 })), wrong],
    ['sku 2^32-1', () => create(line({ sku: 4_294_967_295 })), 'FAILED_PRECONDITION INSUFFICIENT_STOCK'],
    ['count 0', () => create(line({ count: 0n })), wrong],
    ['count 65535', () => create(line({ count: 65_535n })), 'OK'],
    ['count 65536', () => create(line({ count: 65_536n })), wrong],
    ['count 2^53+1', () => create(line({ count: 2n ** 53n + 1n })), wrong],
    ['count 2^63-1', () => create(line({ count: MAX })), wrong],
    ['count 2^64-1', () => create(line({ count: 2n ** 64n - 1n })), wrong],
    ['a name of 500', () => create(line({ name: 'ä'.repeat(500) })), 'OK'],
    ['a name of 501', () => create(line({ name: 'ä'.repeat(501) })), wrong],
    ['a name with U+0000', () => create(line({ name: 'a\0b' })), wrong],
    ['price 2^32-1', () => create(line({ price: 4_294_967_295 })), 'OK'],
    ['an empty checkout id', () => create({ checkoutId: '' }), 'OK'],
    ['a checkout id that is no UUID', () => create({ checkoutId: 'mine' }), wrong],
    ['decide_before without a checkout id', () => create({ decideBefore }), wrong],
    ['a question without decide_before', () => create({ items: [], checkoutId: randomUUID() }), wrong],
    ['order 0', () => loms.client.orderInfo({ orderId: 0n }, withTimeout(5000)), wrong],
    ['order -1 to pay', () => loms.client.orderPay({ orderId: -1n }, withTimeout(5000)), wrong],
    ['order 0 to cancel', () => loms.client.orderCancel({ orderId: 0n }, withTimeout(5000)), wrong],
    [
      'order 2^53+1',
      () => loms.client.orderInfo({ orderId: 2n ** 53n + 1n }, withTimeout(5000)),
      'NOT_FOUND UNKNOWN_ORDER',
    ],
    ['stock of sku 0', () => loms.client.stockInfo({ sku: 0 }, withTimeout(5000)), wrong],
  ];
  for (const [name, call, outcome] of table) {
    test(`${name}: ${outcome}`, async () => expect(await outcomeOf(call())).toBe(outcome));
  }

  test('all violations of a request come in one answer', async () => {
    const error = await refusalOf(create({ user: 0n, items: [{ sku: 0, count: 0n, name: 'a\0b' }] }));
    expect(error.violations.map(({ field }) => field).toSorted()).toEqual([
      'items[0].count',
      'items[0].name',
      'items[0].sku',
      'user',
    ]);
  });

  test('many violations are cut at 20, with the total', async () => {
    const error = await refusalOf(create({ items: Array.from({ length: 100 }, () => ({ sku: 0, count: 0n })) }));
    expect([error.violations.length, error.values['violations']]).toEqual([20, '200']);
  });

  for (const method of ['OrderCreate', 'OrderInfo', 'OrderPay', 'OrderCancel', 'StockInfo']) {
    test(`bytes that are no message are refused by ${method}, and the service lives on`, async () => {
      const error = await sendRaw(loms.address, `/loms.Loms/${method}`, new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0xff]));
      expect([error?.code, error?.reason]).toEqual([3, 'MALFORMED_REQUEST']);
      expect(await newOrder()).toBeGreaterThan(0n);
    });
  }
});

test('a full queue is refused as QUEUE_FULL, with a hint when to come again', async () => {
  await using small = await openLoms({ databaseUrl: database.url, logUrl: log.url }, { maxQueuedCommands: 1 });
  const calls = Array.from({ length: 50 }, () =>
    small.client.orderCreate({ user: USER, items: items() }, withTimeout(5000)),
  );
  const errors = await Promise.all(calls.map(failureOfCall));
  const full = errors.filter((error) => error?.reason === 'QUEUE_FULL');
  expect(full.length).toBeGreaterThan(0);
  expect([full[0]?.code, full[0]?.retryAfterMs]).toEqual([8, 500]);
});

test('ledger, counters, orders and events agree after all of this', async () => {
  expect(await database.disagreements()).toEqual([]);
});
