import type { OrderCause, OrderStatus } from '@tally/proto/events';

import type { MovementKind } from './stock.ts';

interface Transition {
  /** What the transition does to the stock of each line. Absent when it moves no stock. */
  readonly movement?: MovementKind;
  /** The possible causes. The transition must name one of them. Absent when the transition has no cause. */
  readonly causes?: readonly OrderCause[];
}

/** The life of an order: the transitions from each status. A status without transitions is final. */
const TRANSITIONS: Readonly<Record<OrderStatus, Readonly<Partial<Record<OrderStatus, Transition>>>>> = {
  new: {
    'awaiting payment': { movement: 'reserve' },
    failed: { causes: ['shortage', 'checkout expired'] },
  },
  'awaiting payment': {
    payed: { movement: 'ship' },
    cancelled: { movement: 'release', causes: ['shopper', 'payment expired'] },
  },
  failed: {},
  payed: {},
  cancelled: {},
};

/** One line of an order. An order has at most one line for a sku. */
export interface OrderLine {
  readonly sku: number;
  /** Units, 1 to MAX_LINE_COUNT. */
  readonly count: number;
  readonly name: string;
  readonly price: number;
}

/**
 * The refusal that the caller of a failed order received. It is stored with the order, because a repeated request gets
 * the same answer, even when the stock has changed since.
 */
export interface StoredRefusal {
  readonly reason: 'INSUFFICIENT_STOCK' | 'CHECKOUT_EXPIRED';
  readonly message: string;
  readonly values: Readonly<Record<string, string>>;
}

export interface Order {
  readonly id: bigint;
  readonly userId: bigint;
  readonly status: OrderStatus;
  readonly cause: OrderCause | null;
  /** A UUID in lower case: the checkout id, or an id that loms drew when the request had none. */
  readonly requestId: string;
  /** Null unless the order failed. */
  readonly refusal: StoredRefusal | null;
  /** From this moment on the order cannot be paid any more. */
  readonly payBefore: Date;
  /** The version of its newest event. */
  readonly version: number;
  /** Ascending by sku. */
  readonly lines: readonly OrderLine[];
}

/**
 * Returns the order in its next status, one version later, and the movement that each of its lines makes.
 *
 * Throws when TRANSITIONS does not allow the step. A decision refuses such a command before it comes here.
 */
export function transition(
  order: Order,
  status: OrderStatus,
  cause: OrderCause | null,
): { readonly next: Order; readonly movement: MovementKind | undefined } {
  const step = TRANSITIONS[order.status][status];
  if (step === undefined) throw new Error(`order ${order.id} cannot go from '${order.status}' to '${status}'`);
  const isCauseRight = cause === null ? step.causes === undefined : step.causes?.includes(cause) === true;
  if (!isCauseRight) throw new Error(`order ${order.id} cannot become '${status}' with the cause '${cause ?? 'none'}'`);
  return { next: { ...order, status, cause, version: order.version + 1 }, movement: step.movement };
}

export const MAX_LINE_COUNT = 65_535;

/**
 * Returns one line for each sku, ascending by sku, with the sum of its counts. The first line of a sku gives the name
 * and the price.
 */
export function sumLines(lines: readonly OrderLine[]): OrderLine[] {
  const bySku = new Map<number, OrderLine>();
  for (const line of lines) {
    const first = bySku.get(line.sku);
    bySku.set(line.sku, first === undefined ? line : { ...first, count: first.count + line.count });
  }
  return [...bySku.values()].sort((a, b) => a.sku - b.sku);
}

/** Whether both lists have the same skus and counts. Names and prices do not matter. Both must come from `sumLines`. */
export function haveSameGoods(a: readonly OrderLine[], b: readonly OrderLine[]): boolean {
  return a.length === b.length && a.every((line, i) => line.sku === b[i]?.sku && line.count === b[i].count);
}
