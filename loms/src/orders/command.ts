import type { OrderLine } from './order.ts';

interface Commanded {
  /** Dropped when it is still undecided then; milliseconds since the epoch. */
  readonly deadlineMs: number;
  /** Of the call that brought it; its events carry it on. */
  readonly traceparent: string | undefined;
}

export interface CreateOrder extends Commanded {
  readonly kind: 'create';
  readonly userId: bigint;
  /** Summed, ascending by sku. Empty: a question, which needs checkoutId and decideBeforeMs. */
  readonly lines: readonly OrderLine[];
  /** The checkout id in canonical form, else drawn on arrival: another try of the same call keeps it. */
  readonly requestId: string;
  /** Whether the caller named the request, so that it may be known from before. */
  readonly isNamed: boolean;
  readonly decideBeforeMs: number | undefined;
  readonly key: IdempotencyKey | undefined;
}

export interface IdempotencyKey {
  readonly text: string;
  /** Of the decoded request, its checkout id too. */
  readonly requestHash: Buffer;
}

export interface PayOrder extends Commanded {
  readonly kind: 'pay';
  readonly orderId: bigint;
}

export interface CancelOrder extends Commanded {
  readonly kind: 'cancel';
  readonly orderId: bigint;
}

/** Given by the sweep for an order that seems unpaid past its deadline. */
export interface ExpireOrder extends Commanded {
  readonly kind: 'expire';
  readonly orderId: bigint;
}

/** All that changes an order. Every command goes through the batch. */
export type Command = CreateOrder | PayOrder | CancelOrder | ExpireOrder;
