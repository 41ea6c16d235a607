import { AppError } from '@tally/platform/errors';
import type { OrderStatus } from '@tally/proto/events';

import type { Draft } from './draft.ts';
import type { Order } from './order.ts';

/** Returns the order that a command wants to change. Throws UNKNOWN_ORDER when there is none. */
export function orderToChange(draft: Draft, orderId: bigint): Order {
  const order = draft.order(orderId);
  if (order === undefined) throw unknownOrder(orderId);
  return order;
}

/**
 * Cancels the order when it is still unpaid at its deadline, and returns whether it did. Every command that changes an
 * order calls this first, so an order that is due expires with the first command, whichever that is.
 */
export function expireIfDue(draft: Draft, order: Order): boolean {
  if (order.status !== 'awaiting payment' || draft.moment < order.payBefore) return false;
  draft.advance(order, 'cancelled', 'payment expired');
  return true;
}

export function unknownOrder(orderId: bigint): AppError {
  const values = { orderId: String(orderId) };
  return new AppError('not-found', `there is no order ${orderId}`, { reason: 'UNKNOWN_ORDER', values });
}

export function wrongStatus({ id, status }: Order, wanted: OrderStatus): AppError {
  return new AppError('failed-precondition', `order ${id} is '${status}', so it cannot become '${wanted}'`, {
    reason: 'WRONG_STATUS',
    values: { orderId: String(id), status },
  });
}
