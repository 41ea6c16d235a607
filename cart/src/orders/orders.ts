import type { CallOptions } from '@tally/platform/grpc';

import type { Checkout } from '../carts/cart.ts';
import type { OrderEnding } from '../carts/intent.ts';

/**
 * What loms is asked to order. A request without lines never makes an order: it only asks what became of the checkout.
 * From `decideBefore` on, loms answers it with a failed order, unless there is an order already.
 */
type OrderRequest = Pick<Checkout, 'id' | 'userId' | 'lines' | 'decideBefore'>;

/** An answer that proves nothing: loms may have made the order, or may still make it. */
export type Undecided =
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  | { readonly kind: 'unknown'; readonly cause: unknown };

/** What the answer to an order request, or the lack of one, proves about its checkout. */
export type OrderOutcome = OrderEnding | Undecided;

/** The port to loms. */
export interface Orders {
  /** Asks for the order of a checkout. Safe to repeat. Never rejects: a failed call is an outcome. */
  create(request: OrderRequest, options: CallOptions): Promise<OrderOutcome>;
  /**
   * Returns how many units of a sku can be ordered now. A sku that loms does not know has 0. Rejects when loms fails.
   */
  available(sku: number, options: CallOptions): Promise<bigint>;
}
