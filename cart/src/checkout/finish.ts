import type { Clock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import type { CallOptions } from '@tally/platform/grpc';

import type { Checkout } from '../carts/cart.ts';
import { type Ending, close, pending, requestOf } from '../carts/intent.ts';
import type { Orders, Outcome } from '../orders/orders-grpc.ts';
import type { Claimed, Store } from '../store/store.ts';

/** Who is told how checkouts go. */
export interface CheckoutWatch {
  outcome(kind: Outcome['kind']): void;
  /** What must not happen: a stranger used the id, or a checkout that is closed turns out to have ended otherwise. */
  alarm(kind: 'taken' | 'contradicted', fields: Readonly<Record<string, unknown>>): void;
}

export interface FinishDeps {
  readonly store: Pick<Store, 'update'>;
  readonly orders: Pick<Orders, 'create'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly watch: CheckoutWatch;
}

// As long as a transaction may take. The claim ends a little sooner at worst: then another one closes too, and reads this.
const CLOSE_LIMIT_MS = 4_000;

/**
 * Asks loms and closes the checkout with what it says. Everybody does it the same way, at any time, as often as they like:
 * one answer comes of it, and all of them read it. Rejects with CHECKOUT_PENDING when the checkout stays open.
 */
export async function finish(deps: FinishDeps, { checkout, moment }: Claimed, options: CallOptions): Promise<Checkout> {
  const outcome = await deps.orders.create(requestOf(checkout, moment), options);
  deps.watch.outcome(outcome.kind);
  if (outcome.kind === 'busy' || outcome.kind === 'unknown') throw pending(outcome);
  return end(deps, checkout, outcome).catch((error: unknown) => {
    throw error instanceof AppError ? pending({ kind: 'unknown', cause: error }) : error;
  });
}

/** Closes it, whether or not somebody still waits for it. Resolves with how it was closed, by us or before us. */
export async function end(
  { store, clock, watch }: Omit<FinishDeps, 'orders'>,
  { id, userId }: Checkout,
  ending: Ending,
  why?: string,
): Promise<Checkout> {
  const limits = { deadlineMs: clock.nowMs() + CLOSE_LIMIT_MS, isRepeatable: true };
  const closing = await store.update(userId, { checkoutId: id }, (cart) => close(cart, ending, why), limits);
  if (closing === undefined) throw new Error(`checkout ${id} is gone`);
  const { checkout, isContradicted } = closing;
  const fields = { checkoutId: id, userId: String(userId), state: checkout.state, ending: ending.kind };
  if (ending.kind === 'taken') watch.alarm('taken', fields);
  if (isContradicted) watch.alarm('contradicted', fields);
  return checkout;
}
