import type { Clock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import type { Call, CallOptions } from '@tally/platform/grpc';

import type { Checkout } from '../carts/cart.ts';
import { type ClaimedCheckout, type Ending, closeCheckout, pressCheckout } from '../carts/intent.ts';
import type { OrderOutcome, Orders } from '../orders/orders.ts';
import type { Store } from '../store/store.ts';
import { emptyCart, orderIdOrRefusal, pending } from './checkout-answer.ts';

/**
 * Milliseconds that a claim lasts after the deadline of its holder, so that the holder can still close the checkout.
 */
export const CLAIM_MARGIN_MS = 1_000;
/**
 * Maximum milliseconds for closing a checkout, as many as a transaction may take. If the claim ends before that,
 * another instance may close the checkout too. Both then get the same result.
 */
const CLOSE_LIMIT_MS = 4_000;

export interface FinishDeps {
  readonly store: Pick<Store, 'update'>;
  readonly orders: Pick<Orders, 'create'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly watch: CheckoutWatch;
}

/** Counts what loms answers about checkouts, and raises alarms. */
export interface CheckoutWatch {
  /** Is called once for each order request, with what its answer proves. */
  outcome(kind: OrderOutcome['kind']): void;
  /**
   * Reports something that an operator must look at. `taken`: another program had used the id of the checkout.
   * `contradicted`: the checkout was closed before, with a result that does not fit what loms says now.
   */
  alarm(kind: 'taken' | 'contradicted', fields: Readonly<Record<string, unknown>>): void;
}

interface CheckoutDeps extends FinishDeps {
  /** Returns a new UUID. */
  readonly newId: () => string;
  /** Cancels the calls to loms. Their checkouts stay open, and a resumer finishes them. */
  readonly cutOff: AbortSignal;
}

interface CheckoutCommand {
  readonly userId: bigint;
  /** The idempotency key of the call. */
  readonly key: string | undefined;
}

/** Disposing it waits for the checkouts in progress, even when their callers went away. `cutOff` shortens this wait. */
export interface Checkouts extends AsyncDisposable {
  /**
   * Orders what the cart holds, and resolves with the id of the order. Rejects with EMPTY_CART, with the refusal with
   * which the checkout was closed, or with CHECKOUT_PENDING when it is not known yet whether there is an order.
   */
  press(command: CheckoutCommand, call: Pick<Call, 'deadlineMs'>): Promise<bigint>;
}

/**
 * Runs checkouts in three steps: freezes the cart or joins its open checkout, asks loms for the order, and closes the
 * checkout. Any number of calls, on any instances, may join a checkout. Together they make at most one order.
 *
 * A checkout goes on when its caller goes away. The caller can call again to learn the result.
 */
export function createCheckouts(deps: CheckoutDeps): Checkouts {
  const { store, clock, newId, cutOff } = deps;
  const inProgress = new Set<Promise<bigint>>();

  async function checkOut({ userId, key }: CheckoutCommand, deadlineMs: number): Promise<bigint> {
    const claimMs = Math.max(0, deadlineMs - clock.nowMs()) + CLAIM_MARGIN_MS;
    const press = { key, newCheckoutId: newId(), claimMs };
    const answer = await store.update(userId, { checkoutKey: key }, (cart) => pressCheckout(cart, press), {
      deadlineMs,
      isRepeatable: true,
    });
    if (answer.kind === 'empty') throw emptyCart(answer.lastOrderId);
    if (answer.kind === 'ordered') return answer.orderId;
    return orderIdOrRefusal(await finishCheckout(deps, answer, { deadlineMs, signal: cutOff }));
  }

  return {
    async press(command, { deadlineMs }) {
      const running = checkOut(command, deadlineMs);
      inProgress.add(running);
      return running.finally(() => inProgress.delete(running));
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(inProgress);
    },
  };
}

/**
 * Asks loms for the order of an open checkout, and closes the checkout with the answer. Any number of callers may do
 * this, at any time: loms makes at most one order, and all of them resolve with the same closed checkout. Rejects with
 * CHECKOUT_PENDING when the answer proves nothing, or when the database does not confirm that the checkout was closed.
 *
 * From `decideBefore` on, loms is asked without the lines. It then answers with the order that it made earlier, or
 * keeps a failed order, so that no late request can make one any more. In this way, a checkout ends even if loms cannot
 * handle its lines.
 */
export async function finishCheckout(
  deps: FinishDeps,
  { checkout, moment }: ClaimedCheckout,
  options: CallOptions,
): Promise<Checkout> {
  const isTooLate = moment.getTime() >= checkout.decideBefore.getTime();
  const outcome = await deps.orders.create(isTooLate ? withoutLines(checkout) : checkout, options);
  deps.watch.outcome(outcome.kind);
  if (outcome.kind === 'busy' || outcome.kind === 'unknown') throw pending(outcome);
  try {
    return await recordEnding(deps, checkout, outcome);
  } catch (error) {
    throw error instanceof AppError ? pending({ kind: 'unknown', cause: error }) : error;
  }
}

/** Returns a request that cannot make an order, because it has no lines. It only asks what became of the checkout. */
export const withoutLines = (checkout: Checkout): Checkout => ({ ...checkout, lines: [] });

/**
 * Stores how a checkout ended, and raises the alarms that follow from it. Resolves with the checkout as it is stored:
 * if it was closed before, that result counts. Has a deadline of its own, because the deadline of the caller may have
 * passed. `auditReason` is why an operator closes the checkout by hand.
 */
export async function recordEnding(
  { store, clock, watch }: Omit<FinishDeps, 'orders'>,
  { id, userId }: Checkout,
  ending: Ending,
  auditReason?: string,
): Promise<Checkout> {
  const closing = await store.update(userId, { checkoutId: id }, (cart) => closeCheckout(cart, ending, auditReason), {
    deadlineMs: clock.nowMs() + CLOSE_LIMIT_MS,
    isRepeatable: true,
  });
  if (closing === undefined) throw new Error(`checkout ${id} of user ${userId} is not in the database any more`);
  const { checkout, isContradicted } = closing;
  const fields = { checkoutId: id, userId: String(userId), state: checkout.state, ending: ending.kind };
  if (ending.kind === 'taken') watch.alarm('taken', fields);
  if (isContradicted) watch.alarm('contradicted', fields);
  return checkout;
}
