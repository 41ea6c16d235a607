import { createHash } from 'node:crypto';

import type { Clock } from '@tally/platform/concurrency';
import type { Call } from '@tally/platform/grpc';

import { type AddAnswer, type Product, add, answerByKey } from '../carts/cart.ts';
import type { Orders } from '../orders/orders-grpc.ts';
import type { Store } from '../store/store.ts';

export interface LookUpOptions {
  /** For the product service; the configured one where it is undefined. */
  readonly token: string | undefined;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

/** The port to the product service. */
export interface Products {
  /** Undefined: there is no such product. */
  lookup(sku: number, options: LookUpOptions): Promise<Product | undefined>;
}

export interface AddItemDeps {
  readonly store: Pick<Store, 'update' | 'findAddKey'>;
  readonly products: Products;
  readonly orders: Pick<Orders, 'available'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface AddItemCommand {
  readonly userId: bigint;
  readonly sku: number;
  readonly count: number;
  readonly key: string | undefined;
  readonly token: string | undefined;
}

/**
 * Adds units to the cart. The other services are asked outside the transaction; what they said is weighed under the cart's
 * lock, where the key is looked at once more: a twin of this call may just have been counted.
 */
export async function addItem(
  { store, products, orders, clock }: AddItemDeps,
  { userId, sku, count, key: text, token }: AddItemCommand,
  { signal, deadlineMs }: Pick<Call, 'signal' | 'deadlineMs'>,
): Promise<void> {
  const key = text === undefined ? undefined : { text, requestHash: hashOf(sku, count) };
  // What was counted once needs no other service.
  const usedFor = key && (await store.findAddKey(userId, key.text, deadlineMs - clock.nowMs()));
  if (key !== undefined && usedFor !== undefined) return settle(answerByKey(usedFor, key));
  const [product] = await Promise.allSettled([products.lookup(sku, { token, signal, deadlineMs })]);
  const isKnown = product.status === 'fulfilled' && product.value !== undefined;
  const [available] = await Promise.allSettled([isKnown ? orders.available(sku, { signal, deadlineMs }) : 0n]);
  signal.throwIfAborted();

  const command = { sku, count, key, product, available };
  const limits = { deadlineMs, isRepeatable: key !== undefined };
  settle(await store.update(userId, { addKey: text }, (cart) => add(cart, command), limits));
}

function settle(answer: AddAnswer): void {
  if (answer !== undefined) throw answer.error;
}

/** Of all that says what is added; the user is part of the key's scope. */
function hashOf(sku: number, count: number): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([sku, count]))
    .digest();
}
