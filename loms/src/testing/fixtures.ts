import type { OrderStatus } from '@tally/proto/events';

import type { Answer, Command } from '../orders/decide-batch.ts';
import { decideBatch, wantedBy } from '../orders/decide-batch.ts';
import type { Loaded } from '../orders/decision.ts';
import type { CancelOrder } from '../orders/order-cancel.ts';
import type { CreateOrder } from '../orders/order-create.ts';
import type { ExpireOrder } from '../orders/order-expire.ts';
import type { PayOrder } from '../orders/order-pay.ts';
import type { Order, OrderLine } from '../orders/order.ts';
import type { Store } from '../store/store.ts';

/** The moment at which the batches of the tests are decided, and at which a fake clock starts. */
export const MOMENT = new Date('2026-11-24T12:00:00Z');
export const PAYMENT_TIMEOUT_MS = 600_000;
const DEADLINE_MS = MOMENT.getTime() + 3_600_000;

export const line = (sku: number, count: number): OrderLine => ({ sku, count, name: `product ${sku}`, price: 100 });

let requestCount = 0;

/** Returns a UUID that was not returned before. Its last digits count the calls. */
export function newRequestId(): string {
  requestCount += 1;
  return `00000000-0000-4000-8000-${String(requestCount).padStart(12, '0')}`;
}

export function create(lines: readonly OrderLine[], more: Partial<CreateOrder> = {}): CreateOrder {
  return {
    kind: 'create',
    userId: 7n,
    lines,
    requestId: newRequestId(),
    hasCheckoutId: more.requestId !== undefined,
    decideBeforeMs: undefined,
    paymentTimeoutMs: PAYMENT_TIMEOUT_MS,
    key: undefined,
    deadlineMs: DEADLINE_MS,
    traceparent: undefined,
    ...more,
  };
}

const change = (orderId: bigint) => ({ orderId, deadlineMs: DEADLINE_MS, traceparent: undefined });
export const pay = (orderId: bigint): PayOrder => ({ kind: 'pay', ...change(orderId) });
export const cancel = (orderId: bigint): CancelOrder => ({ kind: 'cancel', ...change(orderId) });
export const expire = (orderId: bigint): ExpireOrder => ({ kind: 'expire', ...change(orderId) });

/** Returns order 1 as it is stored in this status, with one line of 2 units of sku 1. */
export function order(status: OrderStatus, more: Partial<Order> = {}): Order {
  const refusal = { reason: 'INSUFFICIENT_STOCK', message: 'order 1 failed', values: { orderId: '1' } } as const;
  return {
    id: 1n,
    userId: 7n,
    status,
    cause: status === 'failed' ? 'shortage' : status === 'cancelled' ? 'shopper' : null,
    requestId: newRequestId(),
    refusal: status === 'failed' ? refusal : null,
    payBefore: new Date(MOMENT.getTime() + PAYMENT_TIMEOUT_MS),
    version: status === 'new' ? 1 : status === 'awaiting payment' || status === 'failed' ? 2 : 3,
    lines: [line(1, 2)],
    ...more,
  };
}

/**
 * Returns what a store loads: by default 8 available units of sku 1, 4 of sku 2, and no orders. The ids of new orders
 * count from 101.
 */
export function loaded(more: Partial<Loaded> = {}): Loaded {
  return {
    moment: MOMENT,
    orders: [],
    stocks: new Map([
      [1, { total: 10n, held: 0n, reserved: 2n }],
      [2, { total: 5n, held: 1n, reserved: 0n }],
    ]),
    known: [],
    keys: [],
    orderIds: Array.from({ length: 64 }, (_, i) => BigInt(101 + i)),
    ...more,
  };
}

/** Decides the commands on the store in one batch, without a batcher. Rejects where a batcher would retry the batch. */
export function runBatch(
  store: Pick<Store, 'update'>,
  commands: readonly Command[],
  retried: ReadonlySet<Command> = new Set(),
): Promise<Answer[]> {
  return store.update(wantedBy(commands, retried), (loadedRows) => {
    const { changes, answers } = decideBatch(commands, loadedRows);
    return { changes, answer: answers };
  });
}

/** Returns the id with which a create was answered. */
export function orderIdOf(answer: Answer | undefined): bigint {
  if (answer?.kind === 'done' && typeof answer.outcome === 'bigint') return answer.outcome;
  throw new Error(`expected an order id, not ${reasonOf(answer)}`);
}

/** Returns the reason of a refusal, or `done`. */
export function reasonOf(answer: Answer | undefined): string | undefined {
  return answer?.kind === 'refused' ? answer.refusal.reason : answer?.kind;
}
