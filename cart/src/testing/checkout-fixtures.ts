import { AppError } from '@tally/platform/errors';
import { type Code, RpcError } from '@tally/platform/grpc';
import { createFakeClock } from '@tally/platform/testing';

import { type Checkout, clear, unchanged } from '../carts/cart.ts';
import { createCheckouts } from '../checkout/checkout.ts';
import { USER, clientOf, createFakeLoms, line, newId } from './fixtures.ts';
import { createOrders } from '../orders/orders-grpc.ts';
import { startResumer } from '../checkout/resumer.ts';
import type { Store } from '../store/store.ts';
import { createMemoryStore } from '../store/store-memory.ts';

/** A cart of 2 units of sku 1 and 3 of sku 2, a loms with 10 of each, and presses as they come over the wire. */
export function setUpCheckouts() {
  const clock = createFakeClock();
  const memory = createMemoryStore({ clock });
  const loms = createFakeLoms(clock.nowMs);
  const limits = { deadlineMs: Number.MAX_SAFE_INTEGER, isRepeatable: true };
  const faults = { beforeClose: () => {}, afterClose: () => {} };
  const store: Store = {
    ...memory,
    async update(userId, wanted, decide, updateLimits) {
      const isClosing = wanted.checkoutId !== undefined;
      if (isClosing) faults.beforeClose();
      const answer = await memory.update(userId, wanted, decide, updateLimits);
      if (isClosing) faults.afterClose();
      return answer;
    },
  };
  const seen: string[] = [];
  const watch = { outcome: (kind: string) => seen.push(kind), alarm: (kind: string) => seen.push(`alarm: ${kind}`) };
  const deps = { store, orders: createOrders(clientOf(loms)), clock, watch };
  const checkouts = createCheckouts({ ...deps, newId });
  for (const sku of [1, 2]) loms.stock.set(sku, 10);

  const put = (sku: number, count: number) =>
    memory.update(USER, {}, () => ({ changes: { addedLine: line(sku, count) }, answer: undefined }), limits);
  const fill = async () => {
    await put(1, 2);
    await put(2, 3);
  };
  const press = (key?: string) =>
    outcomeOf(checkouts.press({ userId: USER, key }, { deadlineMs: clock.nowMs() + 5000 }));
  const contents = async () => (await memory.findLines(USER, 0)).map(({ sku, count }) => [sku, count]);
  const empty = () => memory.update(USER, {}, clear, limits);
  const look = (checkoutId: string): Promise<Checkout | undefined> =>
    memory.update(USER, { checkoutId }, ({ named }) => unchanged(named), limits);
  return { ...deps, clock, loms, faults, seen, checkouts, put, fill, press, contents, empty, look };
}

/** The order, or kind, reason and order id of the refusal. */
export async function outcomeOf(call: Promise<bigint>): Promise<string> {
  try {
    return String(await call);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { orderId, lastOrderId } = error.values;
    return [error.kind, error.reason, orderId ?? lastOrderId].filter(Boolean).join(' ');
  }
}

export type World = ReturnType<typeof setUpCheckouts>;

/** Runs the resumer for a while, behind every claim. */
export async function resume({ clock, store, orders, watch }: World, ms = 10_000): Promise<unknown[]> {
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

/** A failure of the transport. */
export const fail = (code: Code) => new RpcError({ code, message: 'as told' });
export const PENDING = 'unavailable CHECKOUT_PENDING';
