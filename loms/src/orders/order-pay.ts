import { AppError } from '@tally/platform/errors';

import type { PayOrder } from './command.ts';
import type { Draft } from './draft.ts';
import type { Order } from './order.ts';
import { expireIfDue } from './order-expire.ts';

/**
 * Marks an order as payed; its goods leave the stock. Paying a payed order is fine.
 *
 * At or past `pay_before` it cancels the order instead, and refuses.
 */
export function decidePay(draft: Draft, { orderId, traceparent }: PayOrder): void {
  const order = orderToChange(draft, orderId);
  if (expireIfDue(draft, order, traceparent)) throw paymentExpired(order);
  if (order.status === 'payed') return;
  if (order.status !== 'awaiting payment') {
    throw order.cause === 'payment expired' ? paymentExpired(order) : wrongStatus(order, 'payed');
  }
  draft.advance(order, 'payed', { moves: 'ship', traceparent });
}

export function orderToChange(draft: Draft, orderId: bigint): Order {
  const order = draft.order(orderId);
  if (order === undefined) throw unknownOrder(orderId);
  return order;
}

export function unknownOrder(orderId: bigint): AppError {
  const values = { orderId: String(orderId) };
  return new AppError('not-found', `there is no order ${orderId}`, { reason: 'UNKNOWN_ORDER', values });
}

export function wrongStatus({ id, status }: Order, wanted: string): AppError {
  return new AppError('failed-precondition', `order ${id} is '${status}': it cannot be ${wanted}`, {
    reason: 'WRONG_STATUS',
    values: { orderId: String(id), status },
  });
}

function paymentExpired({ id, payBefore }: Order): AppError {
  const moment = payBefore.toISOString();
  return new AppError('failed-precondition', `order ${id} had to be paid before ${moment}: it is cancelled`, {
    reason: 'PAYMENT_EXPIRED',
    values: { orderId: String(id), payBefore: moment },
  });
}
