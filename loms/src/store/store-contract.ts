import { describe, expect, test } from 'bun:test';

import { createDraft } from '../orders/draft.ts';
import { cancel, create, expire, line, pay, requestId } from '../orders/fixtures.ts';
import { type Answer, decideBatch, wantedBy } from '../orders/decide-batch.ts';
import type { Command } from '../orders/command.ts';
import { UpdateError, type Store } from './store.ts';

/** A store with stock of skus 1 to 9, 100 units each, and a way to move its clock. */
export interface StoreUnderTest {
  readonly store: Store;
  readonly advance: (ms: number) => Promise<void>;
}

/** What every store promises. Runs on memory and on PostgreSQL. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the store on ${name}`, () => {
    async function run(store: Store, commands: Command[], isRerun = false): Promise<Answer[]> {
      let answers: Answer[] = [];
      await store.update(
        wantedBy(commands, () => isRerun),
        (loaded) => {
          const decided = decideBatch(commands, loaded, { paymentTimeoutMs: 600_000, isAlive: () => true });
          answers = decided.answers;
          return decided.changes;
        },
      );
      return answers;
    }
    const idOf = (answer: Answer | undefined) => (answer?.kind === 'done' ? (answer.orderId ?? 0n) : 0n);
    const reasonOf = (answer: Answer | undefined) => (answer?.kind === 'refused' ? answer.refusal.reason : undefined);
    const failureOf = (promise: Promise<unknown>) =>
      promise.then(
        () => 'none',
        (error: unknown) => (error instanceof UpdateError ? error.failure : String(error)),
      );

    test('keeps an order with its lines, and reserves its goods', async () => {
      const { store } = await open();
      const [answer] = await run(store, [create([line(1, 3), line(2, 4)])]);
      const order = await store.findOrder(idOf(answer), 1000);
      expect(order).toMatchObject({ userId: 7n, status: 'awaiting payment', lines: [line(1, 3), line(2, 4)] });
      expect(await store.findStock(1, 1000)).toEqual({ total: 100n, held: 0n, reserved: 3n });
    });

    test('does not know what is not there', async () => {
      const { store } = await open();
      expect(await store.findOrder(1n << 62n, 1000)).toBeUndefined();
      expect(await store.findStock(4_294_967_295, 1000)).toBeUndefined();
    });

    test('a pay ships, a cancel releases', async () => {
      const { store } = await open();
      const answers = await run(store, [create([line(3, 5)]), create([line(3, 7)])]);
      await run(store, [pay(idOf(answers[0])), cancel(idOf(answers[1]))]);
      expect(await store.findStock(3, 1000)).toEqual({ total: 95n, held: 0n, reserved: 0n });
      expect((await store.findOrder(idOf(answers[0]), 1000))?.status).toBe('payed');
      expect((await store.findOrder(idOf(answers[1]), 1000))?.status).toBe('cancelled');
    });

    test('a failed order keeps its refusal for whoever asks again', async () => {
      const { store } = await open();
      const ask = create([line(4, 101)], { requestId: requestId() });
      const [first] = await run(store, [ask]);
      const [second] = await run(store, [ask]);
      expect(reasonOf(first)).toBe('INSUFFICIENT_STOCK');
      expect(second).toEqual(first as Answer);
    });

    test('a request id is one order, over batches', async () => {
      const { store } = await open();
      const ask = create([line(5, 1)], { requestId: requestId() });
      const [first] = await run(store, [ask]);
      const [second] = await run(store, [ask]);
      const [other] = await run(store, [{ ...ask, lines: [line(5, 2)] }]);
      expect(idOf(second)).toBe(idOf(first));
      expect(reasonOf(other)).toBe('CHECKOUT_ID_TAKEN');
    });

    test('a request id that is taken meanwhile is a conflict, and the next look finds it', async () => {
      const { store } = await open();
      const ask = create([line(5, 1)]);
      const [first] = await run(store, [ask]);
      expect(await failureOf(run(store, [ask]))).toBe('conflict');
      const [again] = await run(store, [ask], true);
      expect(idOf(again)).toBe(idOf(first));
    });

    test('a key finds its order, over batches', async () => {
      const { store } = await open();
      const key = { text: `key ${requestId()}`, requestHash: Buffer.from('a') };
      const [first] = await run(store, [create([line(6, 1)], { key })]);
      const [second] = await run(store, [create([line(6, 1)], { key })]);
      const [other] = await run(store, [create([line(6, 1)], { key: { ...key, requestHash: Buffer.from('b') } })]);
      expect(idOf(second)).toBe(idOf(first));
      expect(reasonOf(other)).toBe('IDEMPOTENCY_KEY_REUSED');
    });

    test('old keys are forgotten, young ones are not', async () => {
      const { store, advance } = await open();
      const key = (text: string) => ({ text, requestHash: Buffer.from('a') });
      await run(store, [create([line(6, 1)], { key: key('old') })]);
      await advance(1_000_000);
      await run(store, [create([line(6, 1)], { key: key('young') })]);
      expect(await store.deleteOldKeys(900_000, 10)).toBe(1);
      const [old] = await run(store, [create([line(6, 1)], { key: { ...key('old'), requestHash: Buffer.from('b') } })]);
      expect(idOf(old)).not.toBe(0n);
      const [young] = await run(store, [
        create([line(6, 1)], { key: { ...key('young'), requestHash: Buffer.from('b') } }),
      ]);
      expect(reasonOf(young)).toBe('IDEMPOTENCY_KEY_REUSED');
    });

    test('due orders are found at their deadline, and expire once', async () => {
      const { store, advance } = await open();
      const [answer] = await run(store, [create([line(7, 2)])]);
      expect(await store.findDueOrders(10)).toEqual([]);
      await advance(600_000);
      expect(await store.findDueOrders(10)).toEqual([idOf(answer)]);
      await run(store, [expire(idOf(answer)), expire(idOf(answer))]);
      expect(await store.findDueOrders(10)).toEqual([]);
      expect(await store.findStock(7, 1000)).toEqual({ total: 100n, held: 0n, reserved: 0n });
      const [late] = await run(store, [pay(idOf(answer))]);
      expect(reasonOf(late)).toBe('PAYMENT_EXPIRED');
    });

    test('a decision that throws changes nothing', async () => {
      const { store } = await open();
      const failed = store.update(
        wantedBy([create([line(8, 1)])], () => false),
        () => {
          throw new Error('a bug');
        },
      );
      expect(await failureOf(failed)).toBe('culprit');
      expect(await store.findStock(8, 1000)).toEqual({ total: 100n, held: 0n, reserved: 0n });
    });

    test('a movement that is there already is a conflict: goods are never reserved twice', async () => {
      const { store } = await open();
      const [answer] = await run(store, [create([line(9, 1)])]);
      const twice = store.update({ orderIds: [], skus: [9], requestIds: [], keys: [], newOrders: 0 }, (loaded) => ({
        ...createDraft(loaded).changes(),
        changed: [],
        created: [],
        keys: [{ userId: 7n, key: 'so that there is a change', requestHash: Buffer.from('a'), orderId: idOf(answer) }],
        movements: [{ sku: 9, orderId: idOf(answer), kind: 'reserve', total: 0n, reserved: 1n }],
      }));
      expect(await failureOf(twice)).toBe('conflict');
      expect(await store.findStock(9, 1000)).toEqual({ total: 100n, held: 0n, reserved: 1n });
    });
  });
}
