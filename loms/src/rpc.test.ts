import { describe, expect, test } from 'bun:test';

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AppError } from '@tally/platform/errors';
import { type Call, startKeyExpiry } from '@tally/platform/grpc';
import { createLog } from '@tally/platform/telemetry';
import { createFakeClock, range } from '@tally/platform/testing';
import {
  OrderCancelRequestSchema,
  OrderCreateRequestSchema,
  OrderInfoRequestSchema,
  OrderPayRequestSchema,
  StockInfoRequestSchema,
} from '@tally/proto/loms';

import { startBatcher } from './batch/batcher.ts';
import { startOrderExpiry } from './batch/order-expiry.ts';
import { createLomsRpc } from './rpc.ts';
import { createMemoryStore } from './store/store-memory.ts';
import { PAYMENT_TIMEOUT_MS, newRequestId } from './testing/fixtures.ts';

const USER = 7n;
const DAY_MS = 86_400_000;
const CHECKOUT_ID = '0a000000-0000-4000-8000-00000000000a';
const OTHER_CHECKOUT_ID = '0b000000-0000-4000-8000-00000000000b';

/** The whole service without sockets and database, and with 9 available units of each of the skus 1 and 2. */
function setUp() {
  const clock = createFakeClock();
  const store = createMemoryStore(clock.nowMs);
  for (const sku of [1, 2]) store.state.stocks.set(sku, { total: 10n, held: 1n, reserved: 0n });
  const loop = { clock, random: () => 0.5, onError: () => {} };
  const batcher = startBatcher(
    { store, clock, random: loop.random, log: createLog('loms', 'silent'), onEvents: () => {} },
    { maxQueuedCommands: 100, maxBatchCommands: 64, maxBatchLines: 2000 },
  );
  const paymentTimeoutMs = PAYMENT_TIMEOUT_MS;
  const rpc = createLomsRpc({ batcher, store, clock, newId: newRequestId, paymentTimeoutMs });
  const call = (headers: Record<string, string> = {}): Call => ({
    signal: new AbortController().signal,
    deadlineMs: clock.nowMs() + 5000,
    header: (name) => headers[name],
  });
  /** Resolves with the response, or with kind and reason of the refusal. */
  async function outcomeOf(response: Promise<unknown>): Promise<unknown> {
    const outcome = response.catch((error: unknown) =>
      error instanceof AppError ? [error.kind, error.reason] : error,
    );
    await clock.advance(10);
    return outcome;
  }
  return {
    clock,
    state: store.state,
    startOrderExpiry: (limits: { intervalMs: number; maxCommands: number }) =>
      startOrderExpiry({ ...loop, store, batcher }, limits),
    startKeyExpiry: () => startKeyExpiry({ ...loop, store }),
    orderCreate: (items: Items, { headers = {}, checkoutId = '', decideBeforeMs }: CreateOptions = {}) => {
      const request = create(OrderCreateRequestSchema, {
        user: USER,
        items: items.map(([sku, count]) => ({ sku, count, name: `product ${sku}`, price: 100 })),
        checkoutId,
        ...(decideBeforeMs !== undefined && { decideBefore: timestampFromMs(decideBeforeMs) }),
      });
      return outcomeOf(rpc.orderCreate(request, call(headers)));
    },
    orderInfo: (orderId: bigint) => outcomeOf(rpc.orderInfo(create(OrderInfoRequestSchema, { orderId }), call())),
    orderPay: (orderId: bigint) => outcomeOf(rpc.orderPay(create(OrderPayRequestSchema, { orderId }), call())),
    orderCancel: (orderId: bigint) => outcomeOf(rpc.orderCancel(create(OrderCancelRequestSchema, { orderId }), call())),
    stockInfo: (sku: number) => outcomeOf(rpc.stockInfo(create(StockInfoRequestSchema, { sku }), call())),
  };
}

type Items = readonly (readonly [sku: number, count: bigint])[];

interface CreateOptions {
  readonly headers?: Record<string, string>;
  readonly checkoutId?: string;
  readonly decideBeforeMs?: number;
}

const ONE_UNIT: Items = [[1, 1n]];
const TWO_UNITS: Items = [[1, 2n]];
const TWO_UNITS_IN_TWO_LINES: Items = [
  [1, 1n],
  [1, 1n],
];

describe('requests and responses', () => {
  test('an order is created, shown and paid', async () => {
    const { orderCreate, orderInfo, orderPay, orderCancel, stockInfo } = setUp();
    const items: Items = [
      [2, 1n],
      [1, 2n],
      [2, 1n],
    ];
    expect(await orderCreate(items)).toEqual({ orderId: 1n });
    expect(await orderInfo(1n)).toEqual({
      status: 'awaiting payment',
      user: USER,
      items: [
        { sku: 1, count: 2n, name: 'product 1', price: 100 },
        { sku: 2, count: 2n, name: 'product 2', price: 100 },
      ],
    });
    expect(await stockInfo(1)).toEqual({ count: 7n });
    expect(await orderPay(1n)).toEqual({});
    expect(await orderInfo(1n)).toMatchObject({ status: 'payed' });
    expect(await orderCancel(1n)).toEqual(['failed-precondition', 'WRONG_STATUS']);
  });

  test('a cancelled order releases its units', async () => {
    const { orderCreate, orderCancel, stockInfo } = setUp();
    await orderCreate([[1, 9n]]);
    expect(await orderCreate(ONE_UNIT)).toEqual(['failed-precondition', 'INSUFFICIENT_STOCK']);
    expect(await orderCancel(1n)).toEqual({});
    expect(await stockInfo(1)).toEqual({ count: 9n });
  });

  test('an unknown order or sku is not found', async () => {
    const { orderInfo, orderPay, stockInfo } = setUp();
    expect(await orderInfo(5n)).toEqual(['not-found', 'UNKNOWN_ORDER']);
    expect(await orderPay(5n)).toEqual(['not-found', 'UNKNOWN_ORDER']);
    expect(await stockInfo(5)).toEqual(['not-found', 'UNKNOWN_SKU']);
  });

  test('an idempotency key answers the same request, however its lines are split, and refuses another', async () => {
    const { orderCreate } = setUp();
    const headers = { 'idempotency-key': 'k' };
    const reused = ['already-exists', 'IDEMPOTENCY_KEY_REUSED'];
    expect(await orderCreate(TWO_UNITS, { headers })).toEqual({ orderId: 1n });
    expect(await orderCreate(TWO_UNITS_IN_TWO_LINES, { headers })).toEqual({ orderId: 1n });
    expect(await orderCreate([[1, 3n]], { headers })).toEqual(reused);
    expect(await orderCreate(TWO_UNITS, { headers, checkoutId: CHECKOUT_ID })).toEqual(reused);
    expect(await orderCreate(TWO_UNITS, { headers: { 'idempotency-key': 'a key' } })).toEqual([
      'invalid-argument',
      'INVALID_REQUEST',
    ]);
  });

  test('a checkout id makes one order, in upper and lower case, and none after decide_before', async () => {
    const { clock, orderCreate } = setUp();
    const decideBeforeMs = clock.nowMs() + 60_000;
    const checkout = { checkoutId: CHECKOUT_ID, decideBeforeMs };
    const otherCheckout = { checkoutId: OTHER_CHECKOUT_ID, decideBeforeMs };
    expect(await orderCreate(ONE_UNIT, checkout)).toEqual({ orderId: 1n });
    expect(await orderCreate(ONE_UNIT, { ...checkout, checkoutId: CHECKOUT_ID.toUpperCase() })).toEqual({
      orderId: 1n,
    });
    expect(await orderCreate([], otherCheckout)).toEqual(['not-found', 'UNKNOWN_CHECKOUT']);
    await clock.advance(60_000);
    expect(await orderCreate([], otherCheckout)).toEqual(['failed-precondition', 'CHECKOUT_EXPIRED']);
  });
});

describe('expiry', () => {
  test('two sweeps together cancel an unpaid order only once, and release its units', async () => {
    const { clock, state, orderCreate, orderInfo, orderPay, stockInfo, startOrderExpiry } = setUp();
    await orderCreate([[1, 3n]]);
    const sweeps = [1, 2].map(() => startOrderExpiry({ intervalMs: 1000, maxCommands: 10 }));
    await clock.advance(PAYMENT_TIMEOUT_MS + 5_000);
    expect(await orderInfo(1n)).toMatchObject({ status: 'cancelled' });
    expect(await stockInfo(1)).toEqual({ count: 9n });
    expect(state.events.map(({ status, cause }) => [status, cause])).toEqual([
      ['new', null],
      ['awaiting payment', null],
      ['cancelled', 'payment expired'],
    ]);
    expect(await orderPay(1n)).toEqual(['failed-precondition', 'PAYMENT_EXPIRED']);
    for (const sweep of sweeps) await sweep[Symbol.asyncDispose]();
  });

  test('a sweep never has more commands in flight than its limit, even when some of them fail early', async () => {
    const clock = createFakeClock();
    let inFlight = 0;
    let maxInFlight = 0;
    const batcher = {
      async submit() {
        inFlight += 1;
        maxInFlight = Math.max(maxInFlight, inFlight);
        const isRefused = inFlight % 3 === 0;
        await new Promise<void>((resolve) => clock.schedule(isRefused ? 10 : 5_000, resolve));
        inFlight -= 1;
        if (isRefused) throw new Error('refused');
      },
    };
    const store = { findDueOrders: async (limit: number) => range(limit).map((i) => BigInt(i + 1)) };
    const errors: unknown[] = [];
    const deps = { clock, random: () => 0.5, onError: (error: unknown) => errors.push(error), store, batcher };
    const sweep = startOrderExpiry(deps, { intervalMs: 100, maxCommands: 10 });
    await clock.advance(30_000);
    expect(maxInFlight).toBe(10);
    expect(errors.length).toBeGreaterThan(0);
    const ended = Promise.resolve(sweep[Symbol.asyncDispose]());
    await clock.advance(10_000);
    await ended;
  });

  test('a sweep that found more due orders than its limit continues at once', async () => {
    const { clock, state, orderCreate, startOrderExpiry } = setUp();
    for (let i = 0; i < 5; i += 1) await orderCreate(ONE_UNIT);
    await clock.advance(PAYMENT_TIMEOUT_MS);
    const sweep = startOrderExpiry({ intervalMs: 60_000, maxCommands: 2 });
    await clock.advance(1_000);
    expect([...state.orders.values()].map(({ status }) => status)).toEqual(Array(5).fill('cancelled'));
    await sweep[Symbol.asyncDispose]();
  });

  test('an idempotency key is deleted after a day, and not before', async () => {
    const { clock, state, orderCreate, startKeyExpiry } = setUp();
    await orderCreate(ONE_UNIT, { headers: { 'idempotency-key': 'k' } });
    const loop = startKeyExpiry();
    await clock.advance(DAY_MS - 60_000);
    expect(state.keys.size).toBe(1);
    await clock.advance(3 * 60_000);
    expect(state.keys.size).toBe(0);
    await loop[Symbol.asyncDispose]();
  });
});
