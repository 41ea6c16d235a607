import { createHash } from 'node:crypto';

import type { Clock } from '@tally/platform/concurrency';
import type { Call } from '@tally/platform/grpc';

import { type AdditionAnswer, addItem as decideAddItem, answerByKey } from '../carts/cart-items.ts';
import type { Orders } from '../orders/orders.ts';
import type { Products } from '../products/products.ts';
import type { Store } from '../store/store.ts';

export interface AddItemDeps {
  readonly store: Pick<Store, 'update' | 'findAddKey'>;
  readonly products: Products;
  readonly orders: Pick<Orders, 'available'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

interface AddItemCommand {
  readonly userId: bigint;
  readonly sku: number;
  readonly count: number;
  /** The idempotency key of the call. */
  readonly key: string | undefined;
  /** The caller's own token for the product service. */
  readonly token: string | undefined;
}

/**
 * Adds units to the cart. Asks the other services before it locks the cart, and decides with their answers under the
 * lock.
 *
 * The key is looked up twice: first so that a repeated request needs no other service, and again under the lock,
 * because another request with the same key may have been counted meanwhile. Throws the refusal when the request is
 * refused.
 */
export async function addItem(
  { store, products, orders, clock }: AddItemDeps,
  { userId, sku, count, key: text, token }: AddItemCommand,
  { signal, deadlineMs }: Pick<Call, 'signal' | 'deadlineMs'>,
): Promise<void> {
  const key = text === undefined ? undefined : { text, requestHash: hashOf(sku, count) };
  const usedHash = key && (await store.findAddKey(userId, key.text, deadlineMs - clock.nowMs()));
  if (key !== undefined && usedHash !== undefined) return throwIfRefused(answerByKey(key, usedHash));
  const [product] = await Promise.allSettled([products.lookUp(sku, { token, signal, deadlineMs })]);
  const isKnown = product.status === 'fulfilled' && product.value !== undefined;
  const [available] = await Promise.allSettled([isKnown ? orders.available(sku, { signal, deadlineMs }) : 0n]);
  signal.throwIfAborted();

  const addition = { sku, count, key, product, available };
  // Without a key, a request that may have been committed must not be repeated: it would count twice.
  const options = { deadlineMs, isRepeatable: key !== undefined };
  throwIfRefused(await store.update(userId, { addKey: text }, (cart) => decideAddItem(cart, addition), options));
}

function throwIfRefused(answer: AdditionAnswer): void {
  if (answer !== undefined) throw answer.error;
}

/**
 * Returns the hash of all fields that say what to add. The user is left out, because each user has keys of their own.
 */
function hashOf(sku: number, count: number): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([sku, count]))
    .digest();
}
