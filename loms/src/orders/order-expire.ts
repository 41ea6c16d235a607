import type { OrderCommand } from './command.ts';
import type { Draft } from './draft.ts';
import { expireIfDue } from './order-rules.ts';

/** Submitted by the expiry sweep for an order that was unpaid past its deadline when the sweep read it. */
export interface ExpireOrder extends OrderCommand {
  readonly kind: 'expire';
}

/**
 * Cancels the order if it is still unpaid at its deadline. An order that was paid or cancelled meanwhile stays as it
 * is.
 */
export function decideExpire(draft: Draft, { orderId }: ExpireOrder): void {
  const order = draft.order(orderId);
  if (order !== undefined) expireIfDue(draft, order);
}
