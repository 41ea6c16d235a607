import { AppError } from '@tally/platform/errors';
import type { CallOptions } from '@tally/platform/grpc';

import { type Checkout, unchanged } from '../carts/cart.ts';
import type { Store } from '../store/store.ts';
import { type FinishDeps, recordEnding, withoutLines } from './checkout.ts';

interface CloseByHandDeps extends FinishDeps {
  readonly store: Pick<Store, 'update' | 'findOwner'>;
}

interface CloseByHandCommand {
  readonly checkoutId: string;
  /** Why the operator closes the checkout. It is stored in the table `audit`. */
  readonly reason: string;
  /**
   * Whether to close the checkout even when loms does not say how it ended. loms may then have its order, or still make
   * it.
   */
  readonly isAbandoned: boolean;
}

/**
 * Closes an open checkout on behalf of an operator, with what loms says about it. Resolves with the closed checkout;
 * one that was closed before is not changed. The request to loms has no lines, so that closing a checkout never makes
 * its order.
 *
 * Rejects with CHECKOUT_PENDING when loms does not say how the checkout ended, unless `isAbandoned`, and with
 * UNKNOWN_CHECKOUT when there is no such checkout.
 */
export async function closeByHand(
  deps: CloseByHandDeps,
  { checkoutId, reason, isAbandoned }: CloseByHandCommand,
  options: CallOptions & { readonly deadlineMs: number },
): Promise<Checkout> {
  const { store, orders } = deps;
  const userId = await store.findOwner(checkoutId);
  if (userId === undefined) throw unknownCheckout(checkoutId);
  const checkout = await store.update(userId, { checkoutId }, ({ checkoutById }) => unchanged(checkoutById), {
    ...options,
    isRepeatable: true,
  });
  if (checkout === undefined) throw unknownCheckout(checkoutId);
  if (checkout.state !== 'open') return checkout;
  const outcome = await orders.create(withoutLines(checkout), options);
  if (outcome.kind !== 'busy' && outcome.kind !== 'unknown') return recordEnding(deps, checkout, outcome, reason);
  if (isAbandoned) return recordEnding(deps, checkout, { kind: 'abandoned' }, reason);
  const hint = `the checkout ends by itself when loms answers at or after ${checkout.decideBefore.toISOString()}`;
  throw new AppError('unavailable', `loms does not say how checkout ${checkoutId} ended; ${hint}`, {
    reason: 'CHECKOUT_PENDING',
    cause: 'cause' in outcome ? outcome.cause : undefined,
  });
}

function unknownCheckout(checkoutId: string): AppError {
  return new AppError('not-found', `there is no checkout ${checkoutId}`, { reason: 'UNKNOWN_CHECKOUT' });
}
