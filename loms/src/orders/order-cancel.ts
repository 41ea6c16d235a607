import type { OrderCommand } from './command.ts';
import type { Draft } from './draft.ts';
import { expireIfDue, orderToChange, wrongStatus } from './order-rules.ts';

export interface CancelOrder extends OrderCommand {
  readonly kind: 'cancel';
}

/**
 * Cancels an unpaid order, and releases its reservation. Cancelling a cancelled order succeeds and changes nothing,
 * whoever cancelled it.
 */
export function decideCancel(draft: Draft, { orderId }: CancelOrder): void {
  const order = orderToChange(draft, orderId);
  if (expireIfDue(draft, order) || order.status === 'cancelled') return;
  if (order.status !== 'awaiting payment') throw wrongStatus(order, 'cancelled');
  draft.advance(order, 'cancelled', 'shopper');
}
