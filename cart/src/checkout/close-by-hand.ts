import { AppError } from '@tally/platform/errors';
import type { CallOptions } from '@tally/platform/grpc';

import { type Checkout, unchanged } from '../carts/cart.ts';
import { type FinishDeps, end } from './finish.ts';
import { requestOf } from '../carts/intent.ts';
import type { Store } from '../store/store.ts';

export interface CheckoutCloseDeps extends FinishDeps {
  readonly store: Pick<Store, 'update' | 'findOwner'>;
}

export interface CheckoutCloseCommand {
  readonly checkoutId: string;
  /** Kept with the closing. */
  readonly why: string;
  /** Close it also where loms does not say how it ended. An order may exist, or follow, that the cart then knows nothing of. */
  readonly isAbandoned: boolean;
}

/** The last resort for a checkout that stays open: an operator closes it, with what loms says where loms can be asked. */
export async function closeByHand(
  deps: CheckoutCloseDeps,
  { checkoutId, why, isAbandoned }: CheckoutCloseCommand,
  options: CallOptions & { readonly deadlineMs: number },
): Promise<Checkout> {
  const { store, orders } = deps;
  const userId = await store.findOwner(checkoutId);
  if (userId === undefined) throw unknownCheckout(checkoutId);
  const limits = { deadlineMs: options.deadlineMs, isRepeatable: true };
  const checkout = await store.update(userId, { checkoutId }, ({ named }) => unchanged(named), limits);
  if (checkout === undefined) throw unknownCheckout(checkoutId);
  if (checkout.state !== 'open') return checkout;
  // Only a question: closing must not be what makes the order.
  const outcome = await orders.create(requestOf(checkout, checkout.decideBefore), options);
  if (outcome.kind !== 'busy' && outcome.kind !== 'unknown') return end(deps, checkout, outcome, why);
  if (isAbandoned) return end(deps, checkout, { kind: 'abandoned' }, why);
  const message = `loms does not say how checkout ${checkoutId} ended. It ends by itself once loms answers at or past ${checkout.decideBefore.toISOString()}`;
  throw new AppError('unavailable', message, {
    reason: 'CHECKOUT_PENDING',
    cause: 'cause' in outcome ? outcome.cause : undefined,
  });
}

function unknownCheckout(checkoutId: string): AppError {
  return new AppError('not-found', `there is no checkout ${checkoutId}`, { reason: 'UNKNOWN_CHECKOUT' });
}
