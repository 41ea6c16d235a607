import type { CancelOrder, CreateOrder, ExpireOrder, PayOrder } from './command.ts';
import type { Order, OrderLine, OrderStatus } from './order.ts';
import type { Loaded } from '../store/store.ts';

/** Building blocks of loms' tests. */
export const MOMENT = new Date('2026-11-24T12:00:00Z');
export const FAR_MS = MOMENT.getTime() + 3_600_000;

export const line = (sku: number, count: number): OrderLine => ({ sku, count, name: `product ${sku}`, price: 100 });

let requests = 0;

/** UUIDs that count up. */
export function requestId(): string {
  requests += 1;
  return `00000000-0000-4000-8000-${String(requests).padStart(12, '0')}`;
}

export function create(lines: readonly OrderLine[], more: Partial<CreateOrder> = {}): CreateOrder {
  return {
    kind: 'create',
    userId: 7n,
    lines,
    requestId: requestId(),
    isNamed: more.requestId !== undefined,
    decideBeforeMs: undefined,
    key: undefined,
    deadlineMs: FAR_MS,
    traceparent: undefined,
    ...more,
  };
}

const change = (orderId: bigint) => ({ orderId, deadlineMs: FAR_MS, traceparent: undefined });
export const pay = (orderId: bigint): PayOrder => ({ kind: 'pay', ...change(orderId) });
export const cancel = (orderId: bigint): CancelOrder => ({ kind: 'cancel', ...change(orderId) });
export const expire = (orderId: bigint): ExpireOrder => ({ kind: 'expire', ...change(orderId) });

/** An order as it is stored in this status, with one line of 2 units of sku 1. */
export function order(status: OrderStatus, more: Partial<Order> = {}): Order {
  const refusal = { reason: 'INSUFFICIENT_STOCK', message: 'order 1 failed', values: { orderId: '1' } } as const;
  return {
    id: 1n,
    userId: 7n,
    status,
    cause: status === 'failed' ? 'shortage' : status === 'cancelled' ? 'shopper' : null,
    requestId: requestId(),
    refusal: status === 'failed' ? refusal : null,
    payBefore: new Date(MOMENT.getTime() + 600_000),
    version: status === 'new' ? 1 : status === 'awaiting payment' || status === 'failed' ? 2 : 3,
    lines: [line(1, 2)],
    ...more,
  };
}

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
