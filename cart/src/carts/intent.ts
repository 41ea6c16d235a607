import { AppError } from '@tally/platform/errors';

import {
  type Cart,
  type Changes,
  type Checkout,
  type CheckoutState,
  type Decision,
  type Refusal,
  unchanged,
} from './cart.ts';
import type { OrderRequest, Outcome } from '../orders/orders-grpc.ts';

/** From the freeze on: past it loms creates no order, and a checkout without one ends. */
export const DECIDE_WITHIN_MS = 60_000;
/** How long an empty cart still names the last order. */
export const LAST_ORDER_MS = 600_000;
/** A claim outlives its holder's deadline by this, for the closing. */
export const CLAIM_MARGIN_MS = 1_000;

const RETRY_AFTER_MS = 1_000;

export type IntentState = 'none' | CheckoutState;

/** What an open checkout ends with. */
export type Ending =
  | Extract<Outcome, { kind: 'ordered' | 'refused' | 'taken' }>
  /** The last resort of an operator, when loms cannot be asked. */
  | { readonly kind: 'abandoned' };

/** What each press does to the intent that it finds. */
export const PRESS = {
  none: 'freeze',
  open: 'join',
  done: 'answer',
  // It gives its keys back.
  refused: 'freeze',
} as const satisfies Record<IntentState, string>;

/**
 * What each ending does to the intent it is for. Who comes second reads what the first one wrote: `keep`. Where the two say
 * different things, loms gave two answers to one checkout id, or somebody closed by hand what had an order: an alarm.
 */
export const CLOSE = {
  open: { ordered: 'done', refused: 'refused', taken: 'refused', abandoned: 'refused' },
  done: { ordered: 'keep', refused: 'alarm', taken: 'alarm', abandoned: 'keep' },
  refused: { ordered: 'alarm', refused: 'keep', taken: 'keep', abandoned: 'keep' },
} as const satisfies Record<CheckoutState, Record<Ending['kind'], string>>;

export interface Press {
  readonly key: string | undefined;
  /** For a new checkout. */
  readonly newId: string;
  /** How long the caller will work on it at most. */
  readonly claimMs: number;
}

export type PressAnswer =
  /** Ask loms: the caller froze the cart, or joined. */
  | { readonly kind: 'ask'; readonly checkout: Checkout; readonly moment: Date }
  | { readonly kind: 'ordered'; readonly orderId: bigint }
  | { readonly kind: 'empty'; readonly lastOrderId: bigint | undefined };

/** A press looks for its key, then for an open intent, then at the cart. */
export function press(cart: Cart, command: Press): Decision<PressAnswer> {
  const known = cart.keyed?.state === 'refused' ? undefined : cart.keyed;
  const intent = known ?? cart.open;
  const step = PRESS[intent?.state ?? 'none'];
  if (step === 'answer') return unchanged({ kind: 'ordered', orderId: intent?.orderId ?? 0n });
  if (step === 'join' && intent !== undefined) return join(cart, intent, command);
  return cart.lines.length === 0 ? answerEmpty(cart, command) : freeze(cart, command);
}

function join(cart: Cart, checkout: Checkout, command: Press): Decision<PressAnswer> {
  return {
    changes: { extended: { checkoutId: checkout.id, claimMs: command.claimMs }, ...keyFor(checkout.id, cart, command) },
    answer: { kind: 'ask', checkout, moment: cart.moment },
  };
}

function answerEmpty(cart: Cart, command: Press): Decision<PressAnswer> {
  const last = cart.lastDone;
  const isRecent = cart.moment.getTime() - (last?.closedAt?.getTime() ?? 0) < LAST_ORDER_MS;
  if (last === undefined || !isRecent) return unchanged({ kind: 'empty', lastOrderId: undefined });
  return {
    changes: keyFor(last.id, cart, command),
    answer: { kind: 'empty', lastOrderId: last.orderId ?? undefined },
  };
}

function freeze(cart: Cart, command: Press): Decision<PressAnswer> {
  const checkout: Checkout = {
    id: command.newId,
    userId: cart.userId,
    state: 'open',
    decideBefore: new Date(cart.moment.getTime() + DECIDE_WITHIN_MS),
    closedAt: null,
    orderId: null,
    refusal: null,
    lines: cart.lines,
  };
  return {
    changes: { frozen: { checkout, claimMs: command.claimMs }, ...keyFor(checkout.id, cart, command) },
    answer: { kind: 'ask', checkout, moment: cart.moment },
  };
}

function keyFor(checkoutId: string, cart: Cart, { key }: Press): Pick<Changes, 'checkoutKey'> {
  return key === undefined || cart.keyed?.id === checkoutId ? {} : { checkoutKey: { key, checkoutId } };
}

/** What to ask loms. At or past the moment no order can come of it: then without lines, which cannot break anything. */
export function requestOf({ id, userId, lines, decideBefore }: Checkout, moment: Date): OrderRequest {
  const isPast = moment.getTime() >= decideBefore.getTime();
  return { checkoutId: id, userId, lines: isPast ? [] : lines, decideBefore };
}

export interface Closing {
  readonly checkout: Checkout;
  /** It was closed before, with another result. */
  readonly isContradicted: boolean;
}

/** Ends an intent, or reads how it ended. Undefined: this user has no such checkout. */
export function close(cart: Cart, ending: Ending, why?: string): Decision<Closing | undefined> {
  const { named } = cart;
  if (named === undefined) return unchanged(undefined);
  const step = CLOSE[named.state][ending.kind];
  if (step === 'keep' || step === 'alarm') return unchanged({ checkout: named, isContradicted: step === 'alarm' });
  const closed: Checkout = {
    ...named,
    state: step,
    closedAt: cart.moment,
    orderId: 'orderId' in ending ? ending.orderId : null,
    refusal: step === 'done' ? null : refusalOf(ending, named.id),
  };
  return {
    changes: {
      closed,
      ...(step === 'done' ? takeOut(cart, named) : {}),
      ...(why === undefined ? {} : { audit: { action: 'close checkout', subject: named.id, reason: why } }),
    },
    answer: { checkout: closed, isContradicted: false },
  };
}

/** Exactly the frozen counts, from exactly the frozen lines: what was cleared or added meanwhile stays as it is. */
function takeOut(cart: Cart, checkout: Checkout): Pick<Changes, 'removedLineIds' | 'changedLines'> {
  const frozen = new Map(checkout.lines.map(({ id, count }) => [id, count]));
  const left = cart.lines
    .filter(({ id }) => frozen.has(id))
    .map((line) => ({ ...line, count: line.count - (frozen.get(line.id) ?? 0) }));
  return {
    removedLineIds: left.filter(({ count }) => count <= 0).map(({ id }) => id),
    changedLines: left.filter(({ count }) => count > 0),
  };
}

function refusalOf(ending: Ending, checkoutId: string): Refusal {
  if (ending.kind === 'refused') return ending.refusal;
  const isTaken = ending.kind === 'taken';
  return {
    kind: 'unavailable',
    reason: isTaken ? 'CHECKOUT_CONFLICT' : 'CHECKOUT_ABANDONED',
    domain: 'cart',
    message: isTaken
      ? 'the checkout came to no order, since its id was taken: press again'
      : 'the checkout was closed by hand: press again',
    values: { checkoutId },
  };
}

/** What the shopper is told of a checkout that is closed: the order, or why there is none. */
export function orderOf({ orderId, refusal }: Checkout): bigint {
  if (refusal === null) return orderId ?? 0n;
  const { kind, message, reason, domain, values } = refusal;
  throw new AppError(kind, message, {
    reason,
    domain,
    values,
    ...(kind === 'unavailable' ? { retryAfterMs: RETRY_AFTER_MS } : {}),
  });
}

/** What the shopper is told while nobody knows whether there is an order. */
export function pending(outcome: Extract<Outcome, { kind: 'busy' | 'unknown' }>): AppError {
  const message = 'the checkout is not decided yet: press again, with the same idempotency key if you sent one';
  if (outcome.kind === 'busy') {
    return new AppError('resource-exhausted', message, {
      reason: 'CHECKOUT_PENDING',
      retryAfterMs: outcome.retryAfterMs,
    });
  }
  return new AppError('unavailable', message, {
    reason: 'CHECKOUT_PENDING',
    retryAfterMs: RETRY_AFTER_MS,
    cause: outcome.cause,
  });
}

/** Of an empty cart. */
export function emptyCart(lastOrderId: bigint | undefined): AppError {
  const hint = lastOrderId === undefined ? '' : `; its last order is ${lastOrderId}`;
  return new AppError('failed-precondition', `the cart is empty${hint}`, {
    reason: 'EMPTY_CART',
    values: lastOrderId === undefined ? {} : { lastOrderId: String(lastOrderId) },
  });
}
