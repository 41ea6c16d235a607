import { describe, expect, test } from 'bun:test';

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AppError } from '@tally/platform/errors';
import { type Call, startKeyExpiry } from '@tally/platform/grpc';
import { createLog } from '@tally/platform/telemetry';
import { createFakeClock } from '@tally/platform/testing';
import {
  OrderCancelRequestSchema,
  OrderCreateRequestSchema,
  OrderInfoRequestSchema,
  OrderPayRequestSchema,
  StockInfoRequestSchema,
} from '@tally/proto/loms';

import { startBatcher } from './batch/batcher.ts';
import { startExpiry } from './expiry/order-expiry.ts';
import { requestId } from './orders/fixtures.ts';
import { createLomsRpc } from './rpc.ts';
import { createMemoryStore } from './store/store-memory.ts';

const USER = 7n;
const PAYMENT_TIMEOUT_MS = 600_000;
const DAY_MS = 86_400_000;
const UUID = '0a000000-0000-4000-8000-00000000000a';
const OTHER = '0b000000-0000-4000-8000-00000000000b';

/** The whole service but its frame: no socket, no database. */
function setUp() {
  const clock = createFakeClock();
  const store = createMemoryStore(clock.nowMs);
  const loop = { clock, random: () => 0.5, onError: () => {} };
  const batcher = startBatcher(
    { ...loop, store, log: createLog('loms', 'silent'), onEvents: () => {} },
    { maxQueuedCommands: 100, maxBatchCommands: 64, maxBatchLines: 2000, paymentTimeoutMs: PAYMENT_TIMEOUT_MS },
  );
  const rpc = createLomsRpc({ batcher, store, clock, newId: requestId });
  const caller = new AbortController();
  const call = (headers: Record<string, string> = {}): Call => ({
    signal: caller.signal,
    deadlineMs: clock.nowMs() + 5000,
    header: (name) => headers[name],
  });
  const run = async (answer: Promise<unknown>) => {
    const outcome = outcomeOf(answer);
    await clock.advance(10);
    return outcome;
  };
  for (const sku of [1, 2]) store.state.stocks.set(sku, { total: 10n, held: 1n, reserved: 0n });
  return { clock, store, batcher, loop, rpc, call, run };
}

async function outcomeOf(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    return error instanceof AppError ? [error.kind, error.reason] : error;
  }
}

type World = ReturnType<typeof setUp>;
type Items = readonly (readonly [sku: number, count: bigint])[];

function orderCreate(
  { rpc, call, run }: World,
  items: Items,
  more: { headers?: Record<string, string>; checkoutId?: string; decideBeforeMs?: number } = {},
) {
  const request = create(OrderCreateRequestSchema, {
    user: USER,
    items: items.map(([sku, count]) => ({ sku, count, name: `product ${sku}`, price: 100 })),
    checkoutId: more.checkoutId ?? '',
    ...(more.decideBeforeMs !== undefined && { decideBefore: timestampFromMs(more.decideBeforeMs) }),
  });
  return run(rpc.orderCreate(request, call(more.headers)));
}

const info = ({ rpc, call, run }: World, orderId: bigint) =>
  run(rpc.orderInfo(create(OrderInfoRequestSchema, { orderId }), call()));
const pay = ({ rpc, call, run }: World, orderId: bigint) =>
  run(rpc.orderPay(create(OrderPayRequestSchema, { orderId }), call()));
const cancel = ({ rpc, call, run }: World, orderId: bigint) =>
  run(rpc.orderCancel(create(OrderCancelRequestSchema, { orderId }), call()));
const stock = ({ rpc, call, run }: World, sku: number) =>
  run(rpc.stockInfo(create(StockInfoRequestSchema, { sku }), call()));

describe('from message to message', () => {
  test('an order is created, shown and paid', async () => {
    const world = setUp();
    expect(
      await orderCreate(world, [
        [2, 1n],
        [1, 2n],
        [2, 1n],
      ]),
    ).toEqual({ orderId: 1n });
    expect(await info(world, 1n)).toEqual({
      status: 'awaiting payment',
      user: USER,
      items: [
        { sku: 1, count: 2n, name: 'product 1', price: 100 },
        { sku: 2, count: 2n, name: 'product 2', price: 100 },
      ],
    });
    expect(await stock(world, 1)).toEqual({ count: 7n });
    expect(await pay(world, 1n)).toEqual({});
    expect(await info(world, 1n)).toMatchObject({ status: 'payed' });
    expect(await cancel(world, 1n)).toEqual(['failed-precondition', 'WRONG_STATUS']);
  });

  test('a cancelled order gives its units back', async () => {
    const world = setUp();
    await orderCreate(world, [[1, 9n]]);
    expect(await orderCreate(world, [[1, 1n]])).toEqual(['failed-precondition', 'INSUFFICIENT_STOCK']);
    expect(await cancel(world, 1n)).toEqual({});
    expect(await stock(world, 1)).toEqual({ count: 9n });
  });

  test('what is not there is not found', async () => {
    const world = setUp();
    expect(await info(world, 5n)).toEqual(['not-found', 'UNKNOWN_ORDER']);
    expect(await pay(world, 5n)).toEqual(['not-found', 'UNKNOWN_ORDER']);
    expect(await stock(world, 5)).toEqual(['not-found', 'UNKNOWN_SKU']);
  });

  test('a key answers the same request ever after, however its lines are split, and refuses another', async () => {
    const world = setUp();
    const headers = { 'idempotency-key': 'k' };
    expect(await orderCreate(world, [[1, 2n]], { headers })).toEqual({ orderId: 1n });
    expect(
      await orderCreate(
        world,
        [
          [1, 1n],
          [1, 1n],
        ],
        { headers },
      ),
    ).toEqual({ orderId: 1n });
    expect(await orderCreate(world, [[1, 3n]], { headers })).toEqual(['already-exists', 'IDEMPOTENCY_KEY_REUSED']);
    expect(await orderCreate(world, [[1, 2n]], { headers, checkoutId: UUID })).toEqual([
      'already-exists',
      'IDEMPOTENCY_KEY_REUSED',
    ]);
    expect(await orderCreate(world, [[1, 2n]], { headers: { 'idempotency-key': 'a key' } })).toEqual([
      'invalid-argument',
      'INVALID_REQUEST',
    ]);
  });

  test('a checkout id is one order, however it is spelled; past decide_before it is none', async () => {
    const world = setUp();
    const decideBeforeMs = world.clock.nowMs() + 60_000;
    const asked = { checkoutId: UUID, decideBeforeMs };
    expect(await orderCreate(world, [[1, 1n]], asked)).toEqual({ orderId: 1n });
    expect(await orderCreate(world, [[1, 1n]], { ...asked, checkoutId: UUID.toUpperCase() })).toEqual({ orderId: 1n });
    expect(await orderCreate(world, [], { checkoutId: OTHER, decideBeforeMs })).toEqual([
      'not-found',
      'UNKNOWN_CHECKOUT',
    ]);
    await world.clock.advance(60_000);
    expect(await orderCreate(world, [], { checkoutId: OTHER, decideBeforeMs })).toEqual([
      'failed-precondition',
      'CHECKOUT_EXPIRED',
    ]);
  });
});

describe('what runs on its own', () => {
  test('an order unpaid at its deadline is cancelled, once, by two sweeps; its units are back', async () => {
    const world = setUp();
    await orderCreate(world, [[1, 3n]]);
    const sweeps = [1, 2].map(() => startExpiry({ ...world.loop, ...world }, { intervalMs: 1000, maxCommands: 10 }));
    await world.clock.advance(PAYMENT_TIMEOUT_MS + 5_000);
    expect(await info(world, 1n)).toMatchObject({ status: 'cancelled' });
    expect(await stock(world, 1)).toEqual({ count: 9n });
    expect(world.store.state.events.map(({ status, cause }) => [status, cause])).toEqual([
      ['new', null],
      ['awaiting payment', null],
      ['cancelled', 'payment expired'],
    ]);
    expect(await pay(world, 1n)).toEqual(['failed-precondition', 'PAYMENT_EXPIRED']);
    for (const sweep of sweeps) await sweep[Symbol.asyncDispose]();
  });

  test('a sweep never has more than its share in the queue, also while some of its commands fail', async () => {
    const clock = createFakeClock();
    let outstanding = 0;
    let most = 0;
    const batcher = {
      submit: async () => {
        outstanding += 1;
        most = Math.max(most, outstanding);
        const isRefused = outstanding % 3 === 0;
        await new Promise<void>((resolve) => clock.schedule(isRefused ? 10 : 5_000, resolve));
        outstanding -= 1;
        if (isRefused) throw new Error('refused');
        return undefined;
      },
    };
    const store = { findDueOrders: async (limit: number) => Array.from({ length: limit }, (_, i) => BigInt(i + 1)) };
    const errors: unknown[] = [];
    const loop = { clock, random: () => 0.5, onError: (error: unknown) => errors.push(error) };
    const sweep = startExpiry({ ...loop, store, batcher }, { intervalMs: 100, maxCommands: 10 });
    await clock.advance(30_000);
    expect(most).toBe(10);
    expect(errors.length).toBeGreaterThan(0);
    const ended = Promise.resolve(sweep[Symbol.asyncDispose]());
    await clock.advance(10_000);
    await ended;
  });

  test('more due orders than one sweep takes are all cancelled', async () => {
    const world = setUp();
    for (let i = 0; i < 5; i += 1) await orderCreate(world, [[1, 1n]]);
    await world.clock.advance(PAYMENT_TIMEOUT_MS);
    const sweep = startExpiry({ ...world.loop, ...world }, { intervalMs: 60_000, maxCommands: 2 });
    await world.clock.advance(1_000);
    expect([...world.store.state.orders.values()].map(({ status }) => status)).toEqual(Array(5).fill('cancelled'));
    await sweep[Symbol.asyncDispose]();
  });

  test('a key is forgotten after a day, and counts until then', async () => {
    const world = setUp();
    const headers = { 'idempotency-key': 'k' };
    await orderCreate(world, [[1, 1n]], { headers });
    const loop = startKeyExpiry({ ...world.loop, store: world.store });
    await world.clock.advance(DAY_MS - 60_000);
    expect(world.store.state.keys.size).toBe(1);
    await world.clock.advance(3 * 60_000);
    expect(world.store.state.keys.size).toBe(0);
    await loop[Symbol.asyncDispose]();
  });
});
