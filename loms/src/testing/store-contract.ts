import { describe, expect, test } from 'bun:test';

import type { CreateOrder } from '../orders/order-create.ts';
import { type Store, UpdateError } from '../store/store.ts';
import {
  PAYMENT_TIMEOUT_MS,
  cancel,
  create,
  expire,
  line,
  newRequestId,
  orderIdOf,
  pay,
  reasonOf,
  runBatch,
} from './fixtures.ts';

/** A store with 100 units of each of the skus 1 to 9, and a way to move its clock. */
export interface StoreUnderTest {
  readonly store: Store;
  readonly advance: (ms: number) => Promise<void>;
}

const key = (text: string, hash = 'a') => ({ text, requestHash: Buffer.from(hash) });

/** Runs a batch of creates on a store, and resolves with the order ids. */
async function createOrders(store: Store, ...commands: CreateOrder[]): Promise<bigint[]> {
  return (await runBatch(store, commands)).map(orderIdOf);
}

async function createOrder(store: Store, command: CreateOrder): Promise<bigint> {
  return orderIdOf((await runBatch(store, [command]))[0]);
}

/** Resolves with the kind of failure of an update, or `none`. */
async function failureOf(update: Promise<unknown>): Promise<string> {
  try {
    await update;
    return 'none';
  } catch (error) {
    return error instanceof UpdateError ? error.failure : String(error);
  }
}

/** Defines the tests of what every store promises. They run on the memory store and on PostgreSQL. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the store on ${name}`, () => {
    describeOrders(open);
    describeRepeatedRequests(open);
    describeUpdates(open);
  });
}

function describeOrders(open: () => Promise<StoreUnderTest>): void {
  test('keeps an order with its lines, and reserves its goods', async () => {
    const { store } = await open();
    const id = await createOrder(store, create([line(1, 3), line(2, 4)]));
    const order = await store.findOrder(id, 1000);
    expect(order).toMatchObject({ userId: 7n, status: 'awaiting payment', lines: [line(1, 3), line(2, 4)] });
    expect(await store.findStock(1, 1000)).toEqual({ total: 100n, held: 0n, reserved: 3n });
  });

  test('finds neither an unknown order nor the stock of an unknown sku', async () => {
    const { store } = await open();
    expect(await store.findOrder(1n << 62n, 1000)).toBeUndefined();
    expect(await store.findStock(4_294_967_295, 1000)).toBeUndefined();
  });

  test('a payment ships the goods, and a cancellation releases them', async () => {
    const { store } = await open();
    const [paid = 0n, cancelled = 0n] = await createOrders(store, create([line(3, 5)]), create([line(3, 7)]));
    await runBatch(store, [pay(paid), cancel(cancelled)]);
    expect(await store.findStock(3, 1000)).toEqual({ total: 95n, held: 0n, reserved: 0n });
    expect((await store.findOrder(paid, 1000))?.status).toBe('payed');
    expect((await store.findOrder(cancelled, 1000))?.status).toBe('cancelled');
  });

  test('due orders are found from their deadline on, and expire once', async () => {
    const { store, advance } = await open();
    const id = await createOrder(store, create([line(7, 2)]));
    expect(await store.findDueOrders(10)).toEqual([]);
    await advance(PAYMENT_TIMEOUT_MS);
    expect(await store.findDueOrders(10)).toEqual([id]);
    await runBatch(store, [expire(id), expire(id)]);
    expect(await store.findDueOrders(10)).toEqual([]);
    expect(await store.findStock(7, 1000)).toEqual({ total: 100n, held: 0n, reserved: 0n });
    const [late] = await runBatch(store, [pay(id)]);
    expect(reasonOf(late)).toBe('PAYMENT_EXPIRED');
  });
}

function describeRepeatedRequests(open: () => Promise<StoreUnderTest>): void {
  test('a failed order keeps its refusal for later requests', async () => {
    const { store } = await open();
    const request = create([line(4, 101)], { requestId: newRequestId() });
    const first = await runBatch(store, [request]);
    expect(first.map(reasonOf)).toEqual(['INSUFFICIENT_STOCK']);
    expect(await runBatch(store, [request])).toEqual(first);
  });

  test('a checkout id makes one order, over several batches', async () => {
    const { store } = await open();
    const request = create([line(5, 1)], { requestId: newRequestId() });
    const id = await createOrder(store, request);
    expect(await createOrder(store, request)).toBe(id);
    const [other] = await runBatch(store, [{ ...request, lines: [line(5, 2)] }]);
    expect(reasonOf(other)).toBe('CHECKOUT_ID_TAKEN');
  });

  test('a request id that was committed meanwhile is a conflict, and a retry finds its order', async () => {
    const { store } = await open();
    const request = create([line(5, 1)]);
    const id = await createOrder(store, request);
    expect(await failureOf(runBatch(store, [request]))).toBe('conflict');
    const [retried] = await runBatch(store, [request], new Set([request]));
    expect(orderIdOf(retried)).toBe(id);
  });

  test('an idempotency key finds its order, over several batches', async () => {
    const { store } = await open();
    const text = `key ${newRequestId()}`;
    const id = await createOrder(store, create([line(6, 1)], { key: key(text) }));
    expect(await createOrder(store, create([line(6, 1)], { key: key(text) }))).toBe(id);
    const [other] = await runBatch(store, [create([line(6, 1)], { key: key(text, 'b') })]);
    expect(reasonOf(other)).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  test('old idempotency keys are deleted, and young ones are kept', async () => {
    const { store, advance } = await open();
    await createOrder(store, create([line(6, 1)], { key: key('old') }));
    await advance(1_000_000);
    await createOrder(store, create([line(6, 1)], { key: key('young') }));
    expect(await store.deleteOldKeys(900_000, 10)).toBe(1);
    await createOrder(store, create([line(6, 1)], { key: key('old', 'b') }));
    const [young] = await runBatch(store, [create([line(6, 1)], { key: key('young', 'b') })]);
    expect(reasonOf(young)).toBe('IDEMPOTENCY_KEY_REUSED');
  });
}

function describeUpdates(open: () => Promise<StoreUnderTest>): void {
  const nothing = { created: [], changed: [], movements: [], events: [], keys: [] };

  test('a decision without changes resolves with its answer', async () => {
    const { store } = await open();
    const wanted = { orderIds: [], skus: [], requestIds: [], keys: [], newOrders: 2 };
    const answer = await store.update(wanted, ({ moment, orderIds }) => ({
      changes: { ...nothing, moment },
      answer: orderIds.length,
    }));
    expect(answer).toBe(2);
  });

  test('a decision that throws changes nothing', async () => {
    const { store } = await open();
    const wanted = { orderIds: [], skus: [8], requestIds: [], keys: [], newOrders: 1 };
    const failed = store.update(wanted, () => {
      throw new Error('a bug');
    });
    expect(await failureOf(failed)).toBe('culprit');
    expect(await store.findStock(8, 1000)).toEqual({ total: 100n, held: 0n, reserved: 0n });
  });

  test('a second movement of one kind for an order and sku is a conflict, so no goods are reserved twice', async () => {
    const { store } = await open();
    const id = await createOrder(store, create([line(9, 1)]));
    const wanted = { orderIds: [], skus: [9], requestIds: [], keys: [], newOrders: 0 };
    const repeated = store.update(wanted, ({ moment }) => ({
      changes: {
        ...nothing,
        moment,
        keys: [
          { userId: 7n, key: 'a change, without which nothing is written', requestHash: Buffer.from('a'), orderId: id },
        ],
        movements: [{ sku: 9, orderId: id, kind: 'reserve', total: 0n, reserved: 1n }],
      },
      answer: undefined,
    }));
    expect(await failureOf(repeated)).toBe('conflict');
    expect(await store.findStock(9, 1000)).toEqual({ total: 100n, held: 0n, reserved: 1n });
  });
}
