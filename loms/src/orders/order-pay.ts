import { AppError } from '@tally/platform/errors';

import type { OrderCommand } from './command.ts';
import type { Draft } from './draft.ts';
import type { Order } from './order.ts';
import { expireIfDue, orderToChange, wrongStatus } from './order-rules.ts';

export interface PayOrder extends OrderCommand {
  readonly kind: 'pay';
}

/**
 * Marks an order as payed, and ships its goods. Paying a payed order again succeeds and changes nothing.
 *
 * From `payBefore` on it cancels the order instead, and refuses the payment.
 */
export function decidePay(draft: Draft, { orderId }: PayOrder): void {
  const order = orderToChange(draft, orderId);
  if (expireIfDue(draft, order)) throw paymentExpired(order);
  if (order.status === 'payed') return;
  if (order.status !== 'awaiting payment') {
    throw order.cause === 'payment expired' ? paymentExpired(order) : wrongStatus(order, 'payed');
  }
  draft.advance(order, 'payed');
}

function paymentExpired({ id, payBefore }: Order): AppError {
  const moment = payBefore.toISOString();
  return new AppError('failed-precondition', `order ${id} was cancelled, because it was not paid before ${moment}`, {
    reason: 'PAYMENT_EXPIRED',
    values: { orderId: String(id), payBefore: moment },
  });
}
