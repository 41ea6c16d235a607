import type { Call } from '@tally/platform/grpc';

import { type FinishDeps, finish } from './finish.ts';
import { CLAIM_MARGIN_MS, emptyCart, orderOf, press } from '../carts/intent.ts';
import type { Store } from '../store/store.ts';

export interface CheckoutDeps extends FinishDeps {
  readonly store: Pick<Store, 'update'>;
  /** Draws a UUID. */
  readonly newId: () => string;
  /** Ends the asking of loms: what is not decided then stays open, and a resumer ends it. */
  readonly cutOff?: AbortSignal;
}

export interface CheckoutCommand {
  readonly userId: bigint;
  readonly key: string | undefined;
}

/** Disposing it waits for the checkouts in progress, also for those whose callers went away, until they are cut off. */
export interface Checkouts extends AsyncDisposable {
  /** Resolves with the order's id. */
  press(command: CheckoutCommand, call: Pick<Call, 'deadlineMs'>): Promise<bigint>;
}

/**
 * Orders what the cart holds, once, however often and from wherever it is pressed.
 *
 * A press does not end with its caller's signal: what was frozen is worth finishing, and a caller who went away will ask
 * what became of it.
 */
export function createCheckouts(deps: CheckoutDeps): Checkouts {
  const { store, clock, newId, cutOff } = deps;
  const running = new Set<Promise<unknown>>();

  async function run({ userId, key }: CheckoutCommand, deadlineMs: number): Promise<bigint> {
    const claimMs = Math.max(0, deadlineMs - clock.nowMs()) + CLAIM_MARGIN_MS;
    const pressed = { key, newId: newId(), claimMs };
    const limits = { deadlineMs, isRepeatable: true };
    const answer = await store.update(userId, { checkoutKey: key }, (cart) => press(cart, pressed), limits);
    if (answer.kind === 'empty') throw emptyCart(answer.lastOrderId);
    if (answer.kind === 'ordered') return answer.orderId;
    return orderOf(await finish(deps, answer, { deadlineMs, ...(cutOff && { signal: cutOff }) }));
  }

  return {
    async press(command, { deadlineMs }) {
      const press = run(command, deadlineMs);
      running.add(press);
      return press.finally(() => running.delete(press));
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(running);
    },
  };
}
