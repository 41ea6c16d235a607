import type { ExpireOrder } from './command.ts';
import type { Draft } from './draft.ts';
import type { Order } from './order.ts';

/** Cancels an order that is unpaid at its deadline. An order that was paid or cancelled meanwhile stays as it is. */
export function decideExpire(draft: Draft, { orderId, traceparent }: ExpireOrder): void {
  const order = draft.order(orderId);
  if (order !== undefined) expireIfDue(draft, order, traceparent);
}

/** Whoever first changes an order at or after `pay_before` expires it. True: it was due, and is cancelled now. */
export function expireIfDue(draft: Draft, order: Order, traceparent: string | undefined): boolean {
  if (order.status !== 'awaiting payment' || draft.moment < order.payBefore) return false;
  draft.advance(order, 'cancelled', { cause: 'payment expired', moves: 'release', traceparent });
  return true;
}
