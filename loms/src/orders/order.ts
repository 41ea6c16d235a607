import type { OrderCause, OrderStatus } from '@tally/proto/events';

export type { OrderCause, OrderStatus };

/** The order's life, as data: what may follow what. A status with nothing behind it is final. */
export const TRANSITIONS: Record<OrderStatus, readonly OrderStatus[]> = {
  new: ['awaiting payment', 'failed'],
  'awaiting payment': ['payed', 'cancelled'],
  failed: [],
  payed: [],
  cancelled: [],
};

/** One line: a sku once, its count summed. */
export interface OrderLine {
  readonly sku: number;
  /** 1 to 65535. */
  readonly count: number;
  readonly name: string;
  readonly price: number;
}

/** How a failed order was answered, kept with it for whoever asks again. */
export interface Refusal {
  readonly reason: 'INSUFFICIENT_STOCK' | 'CHECKOUT_EXPIRED';
  readonly message: string;
  readonly values: Readonly<Record<string, string>>;
}

export interface Order {
  readonly id: bigint;
  readonly userId: bigint;
  readonly status: OrderStatus;
  readonly cause: OrderCause | null;
  /** UUID in lower case: the checkout id, else drawn on arrival. */
  readonly requestId: string;
  readonly refusal: Refusal | null;
  readonly payBefore: Date;
  /** Of its newest event. */
  readonly version: number;
  readonly lines: readonly OrderLine[];
}

/** One status change. Versions count 1, 2, … within an order. */
export interface OrderEvent {
  readonly orderId: bigint;
  readonly version: number;
  readonly status: OrderStatus;
  readonly cause: OrderCause | null;
}

/** The order a step further. A step that the table does not allow is a bug of ours. */
export function advance(order: Order, status: OrderStatus, cause: OrderCause | null): Order {
  if (!TRANSITIONS[order.status].includes(status)) {
    throw new Error(`order ${order.id} cannot go from '${order.status}' to '${status}'`);
  }
  return { ...order, status, cause, version: order.version + 1 };
}

export const MAX_LINE_COUNT = 65_535;

/** Sums lines of one sku; the first one's name and price stay. Ascending by sku. */
export function sumLines(lines: readonly OrderLine[]): OrderLine[] {
  const bySku = new Map<number, OrderLine>();
  for (const line of lines) {
    const seen = bySku.get(line.sku);
    bySku.set(line.sku, seen === undefined ? line : { ...seen, count: seen.count + line.count });
  }
  return [...bySku.values()].sort((a, b) => a.sku - b.sku);
}

/** Whether two orders ask for the same goods, whatever they call them. Both summed and by sku. */
export function asksForTheSame(a: readonly OrderLine[], b: readonly OrderLine[]): boolean {
  return a.length === b.length && a.every((line, i) => line.sku === b[i]?.sku && line.count === b[i].count);
}
