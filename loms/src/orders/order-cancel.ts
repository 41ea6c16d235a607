import type { CancelOrder } from './command.ts';
import type { Draft } from './draft.ts';
import { expireIfDue } from './order-expire.ts';
import { orderToChange, wrongStatus } from './order-pay.ts';

/** Cancels an unpaid order; its reservation is released. Cancelling a cancelled order is fine, whoever cancelled it. */
export function decideCancel(draft: Draft, { orderId, traceparent }: CancelOrder): void {
  const order = orderToChange(draft, orderId);
  if (expireIfDue(draft, order, traceparent) || order.status === 'cancelled') return;
  if (order.status !== 'awaiting payment') throw wrongStatus(order, 'cancelled');
  draft.advance(order, 'cancelled', { cause: 'shopper', moves: 'release', traceparent });
}
