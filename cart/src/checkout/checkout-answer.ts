import { AppError } from '@tally/platform/errors';

import { type Checkout, orderIdOf } from '../carts/cart.ts';
import type { Undecided } from '../orders/orders.ts';

/*
  What cart answers to the caller of Checkout.
*/

const RETRY_AFTER_MS = 1_000;

/** Returns the order id of a checkout that is done. Throws the refusal of a checkout that is refused. */
export function orderIdOrRefusal(checkout: Checkout): bigint {
  if (checkout.refusal === null) return orderIdOf(checkout);
  const { kind, message, reason, domain, values } = checkout.refusal;
  const retry = kind === 'unavailable' ? { retryAfterMs: RETRY_AFTER_MS } : {};
  throw new AppError(kind, message, { reason, domain, values, ...retry });
}

/** Returns the error for a checkout that stays open, because it is not known yet whether there is an order. */
export function pending(undecided: Undecided): AppError {
  const message =
    'it is not known yet whether there is an order: call Checkout again, with the same idempotency key if you sent one';
  const reason = 'CHECKOUT_PENDING';
  return undecided.kind === 'busy'
    ? new AppError('resource-exhausted', message, { reason, retryAfterMs: undecided.retryAfterMs })
    : new AppError('unavailable', message, { reason, retryAfterMs: RETRY_AFTER_MS, cause: undecided.cause });
}

/** Returns the error for an empty cart. `lastOrderId` is its last order, if that is recent. */
export function emptyCart(lastOrderId: bigint | undefined): AppError {
  const hint = lastOrderId === undefined ? '' : `; its last order is ${lastOrderId}`;
  return new AppError('failed-precondition', `the cart is empty${hint}`, {
    reason: 'EMPTY_CART',
    values: lastOrderId === undefined ? {} : { lastOrderId: String(lastOrderId) },
  });
}
