import { AppError } from '@tally/platform/errors';
import { createFakeClock } from '@tally/platform/testing';

import { type Checkout, unchanged } from '../carts/cart.ts';
import { clearItems } from '../carts/cart-items.ts';
import { createCheckouts } from '../checkout/checkout.ts';
import { startResumer } from '../checkout/resumer.ts';
import { createGrpcOrders } from '../orders/orders-grpc.ts';
import { createMemoryStore } from '../store/store-memory.ts';
import type { Store } from '../store/store.ts';
import { clientOf, createFakeLoms } from './fake-loms.ts';
import { USER, line, newId } from './fixtures.ts';

export const PENDING = 'unavailable CHECKOUT_PENDING';
const OPTIONS = { deadlineMs: Number.MAX_SAFE_INTEGER, isRepeatable: true };

/**
 * Creates everything that a checkout needs, in memory: a store that can fail before and after it writes a closing, a
 * fake loms with 10 units of each of the skus 1 and 2, and a user who calls Checkout.
 */
export function createCheckoutWorld() {
  const clock = createFakeClock();
  const memory = createMemoryStore({ clock });
  const loms = createFakeLoms(clock.nowMs);
  for (const sku of [1, 2]) loms.stock.set(sku, 10);
  const faults = { beforeClose: () => {}, afterClose: () => {} };
  const store: Store = {
    ...memory,
    async update(userId, wanted, decide, options) {
      const isClosing = wanted.checkoutId !== undefined;
      if (isClosing) faults.beforeClose();
      const answer = await memory.update(userId, wanted, decide, options);
      if (isClosing) faults.afterClose();
      return answer;
    },
  };
  const watched: string[] = [];
  const watch = {
    outcome: (kind: string) => watched.push(kind),
    alarm: (kind: string) => watched.push(`alarm: ${kind}`),
  };
  const deps = { store, orders: createGrpcOrders(clientOf(loms)), clock, watch };
  const checkouts = createCheckouts({ ...deps, newId, cutOff: new AbortController().signal });

  const put = (sku: number, count: number, userId = USER) =>
    memory.update(userId, {}, () => ({ changes: { addedLine: line(sku, count) }, answer: undefined }), OPTIONS);
  return {
    ...deps,
    loms,
    faults,
    /** What the watch was told: kinds of outcomes, and alarms as `alarm: <kind>`. */
    watched,
    checkouts,
    put,
    /** Puts 2 units of sku 1 and 3 of sku 2 into the cart. */
    async fill() {
      await put(1, 2);
      await put(2, 3);
    },
    /** Calls Checkout with five seconds left. Resolves with the id of the order, or with the refusal as text. */
    press: (key?: string, userId = USER, forMs = 5000) =>
      outcomeOf(checkouts.press({ userId, key }, { deadlineMs: clock.nowMs() + forMs })),
    /** Resolves with the sku and the count of each line. */
    contents: async () => (await memory.findLines(USER, 0)).map(({ sku, count }) => [sku, count]),
    clear: () => memory.update(USER, {}, clearItems, OPTIONS),
    findCheckout: (checkoutId: string): Promise<Checkout | undefined> =>
      memory.update(USER, { checkoutId }, ({ checkoutById }) => unchanged(checkoutById), OPTIONS),
  };
}

export type CheckoutWorld = ReturnType<typeof createCheckoutWorld>;

/** Resolves with the id of the order, or with the kind and the reason of the refusal and the order that it names. */
async function outcomeOf(call: Promise<bigint>): Promise<string> {
  try {
    return String(await call);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { orderId, lastOrderId } = error.values;
    return [error.kind, error.reason, orderId ?? lastOrderId].filter(Boolean).join(' ');
  }
}

/** Runs a resumer for a while, by default until after every claim has ended. Returns the failures that it reported. */
export async function resume({ clock, store, orders, watch }: CheckoutWorld, ms = 10_000): Promise<unknown[]> {
  const failures: unknown[] = [];
  const onError = (error: unknown) => failures.push(error);
  const resumer = startResumer(
    { clock, store, orders, watch, random: () => 0.5, onError },
    { intervalMs: 500, maxCheckouts: 4 },
  );
  await clock.advance(ms);
  await Promise.all([resumer[Symbol.asyncDispose](), clock.advance(0)]);
  return failures;
}
