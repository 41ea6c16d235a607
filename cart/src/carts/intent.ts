import {
  type Cart,
  type Changes,
  type Checkout,
  type CheckoutRefusal,
  type CheckoutState,
  type Decision,
  orderIdOf,
  unchanged,
} from './cart.ts';

/*
  The state machine of a checkout.

    no checkout --press--> open --order--> done
                            |
                            +-----no order--> refused

  A press is one call of Checkout. It freezes the cart into a new checkout, or joins the open checkout, or returns the
  order of the checkout to which its idempotency key belongs. Every caller that froze or joined asks loms for the order,
  and closes the checkout with what loms proved. While loms proves nothing, the checkout stays open: the next press
  joins it, and a resumer finishes it. `done` and `refused` are final.
*/

/** loms may make the order during this many milliseconds after the freeze, and not later. */
const DECIDE_WITHIN_MS = 60_000;
/** The refusal of an empty cart names the cart's last order during this many milliseconds after that order. */
const LAST_ORDER_MS = 600_000;

export type IntentState = 'none' | CheckoutState;

/** What a press does in each state. */
export const ON_PRESS = {
  none: 'freeze',
  open: 'join',
  done: 'answer',
  // A refused checkout gives up its keys, so that the shopper can press again with the same key.
  refused: 'freeze',
} as const satisfies Record<IntentState, string>;

/** What loms can prove about an open checkout: that it made the order, or that no order can follow. */
export type OrderEnding =
  | { readonly kind: 'ordered'; readonly orderId: bigint }
  /** loms keeps a failed order under the id of the checkout. */
  | { readonly kind: 'refused'; readonly orderId: bigint; readonly refusal: CheckoutRefusal }
  /** Somebody else used the id of the checkout for another order. */
  | { readonly kind: 'taken' };

/** What ends a checkout. An operator abandons it as a last resort, when loms cannot be asked. */
export type Ending = OrderEnding | { readonly kind: 'abandoned' };

/**
 * What each ending does in each state. An open checkout takes the state that the table names. A closed checkout keeps
 * its result in any case, so that several callers can close the same checkout. For a closed checkout, `alarm` means
 * that the ending contradicts the stored result: loms gave two different answers for one id, or an order turned up
 * after an operator had abandoned the checkout. `keep` means that there is no contradiction.
 */
export const ON_ENDING = {
  open: { ordered: 'done', refused: 'refused', taken: 'refused', abandoned: 'refused' },
  done: { ordered: 'keep', refused: 'alarm', taken: 'alarm', abandoned: 'keep' },
  refused: { ordered: 'alarm', refused: 'keep', taken: 'keep', abandoned: 'keep' },
} as const satisfies Record<CheckoutState, Record<Ending['kind'], string>>;

export interface Press {
  /** The idempotency key of the call. */
  readonly key: string | undefined;
  /** The id of the checkout, if the press freezes the cart into a new one. */
  readonly newCheckoutId: string;
  /** Milliseconds from now during which no resumer takes the checkout over from its caller. */
  readonly claimMs: number;
}

/** An open checkout that its holder is going to finish. */
export interface ClaimedCheckout {
  readonly checkout: Checkout;
  /** When it was claimed, by tally_now(). */
  readonly moment: Date;
}

type PressAnswer =
  /** The press froze the cart or joined an open checkout: ask loms. */
  | ({ readonly kind: 'ask' } & ClaimedCheckout)
  /** The key belongs to a checkout that is done. */
  | { readonly kind: 'ordered'; readonly orderId: bigint }
  /** The cart is empty. Its last order is named if it is recent. */
  | { readonly kind: 'empty'; readonly lastOrderId: bigint | undefined };

/** Decides what a press does. Looks at the checkout of its key first, then at the open checkout, then at the lines. */
export function pressCheckout(cart: Cart, press: Press): Decision<PressAnswer> {
  const { checkoutByKey, openCheckout } = cart;
  const isKeyFree = checkoutByKey === undefined || ON_PRESS[checkoutByKey.state] === 'freeze';
  const checkout = isKeyFree ? openCheckout : checkoutByKey;
  const step = ON_PRESS[checkout?.state ?? 'none'];
  if (checkout !== undefined && step === 'answer') return unchanged({ kind: 'ordered', orderId: orderIdOf(checkout) });
  if (checkout !== undefined && step === 'join') return join(cart, checkout, press);
  return cart.lines.length === 0 ? answerEmpty(cart, press) : freeze(cart, press);
}

function join(cart: Cart, checkout: Checkout, press: Press): Decision<PressAnswer> {
  return {
    changes: {
      extendedClaim: { checkoutId: checkout.id, claimMs: press.claimMs },
      ...keyFor(checkout.id, cart, press),
    },
    answer: { kind: 'ask', checkout, moment: cart.moment },
  };
}

/**
 * Answers that the cart is empty, and names the last order while that is recent. It then gives the key of the press to
 * the checkout of that order, so that a later press with this key returns the order.
 */
function answerEmpty(cart: Cart, press: Press): Decision<PressAnswer> {
  const { lastDone, moment } = cart;
  const isRecent = moment.getTime() - (lastDone?.closedAt?.getTime() ?? 0) < LAST_ORDER_MS;
  if (lastDone === undefined || !isRecent) return unchanged({ kind: 'empty', lastOrderId: undefined });
  return { changes: keyFor(lastDone.id, cart, press), answer: { kind: 'empty', lastOrderId: orderIdOf(lastDone) } };
}

function freeze(cart: Cart, press: Press): Decision<PressAnswer> {
  const checkout: Checkout = {
    id: press.newCheckoutId,
    userId: cart.userId,
    state: 'open',
    decideBefore: new Date(cart.moment.getTime() + DECIDE_WITHIN_MS),
    closedAt: null,
    orderId: null,
    refusal: null,
    lines: cart.lines,
  };
  return {
    changes: { frozen: { checkout, claimMs: press.claimMs }, ...keyFor(checkout.id, cart, press) },
    answer: { kind: 'ask', checkout, moment: cart.moment },
  };
}

/**
 * Returns the change that gives the key of a press to a checkout. Empty when there is no key or it belongs there
 * already.
 */
function keyFor(checkoutId: string, cart: Cart, { key }: Press): Pick<Changes, 'checkoutKey'> {
  return key === undefined || cart.checkoutByKey?.id === checkoutId ? {} : { checkoutKey: { key, checkoutId } };
}

export interface Closing {
  /** The checkout as it is stored now. */
  readonly checkout: Checkout;
  /** The checkout was closed before, with a result that contradicts this ending. */
  readonly isContradicted: boolean;
}

/**
 * Closes the checkout that was looked up by id. If it is closed already, answers how it was closed and changes nothing.
 * So any number of callers can close a checkout under the lock of its cart, and only the first one takes the ordered
 * units out. Answers undefined when the user has no such checkout. `auditReason` is why an operator closes it by hand.
 */
export function closeCheckout(cart: Cart, ending: Ending, auditReason?: string): Decision<Closing | undefined> {
  const { checkoutById: checkout, moment } = cart;
  if (checkout === undefined) return unchanged(undefined);
  const step = ON_ENDING[checkout.state][ending.kind];
  if (step === 'keep' || step === 'alarm') return unchanged({ checkout, isContradicted: step === 'alarm' });
  const closed: Checkout = {
    ...checkout,
    state: step,
    closedAt: moment,
    orderId: 'orderId' in ending ? ending.orderId : null,
    refusal: step === 'done' ? null : refusalOf(ending, checkout.id),
  };
  return {
    changes: {
      closed,
      ...(step === 'done' ? takeOrdered(cart, checkout) : {}),
      ...(auditReason === undefined
        ? {}
        : { audit: { action: 'close checkout', subject: checkout.id, reason: auditReason } }),
    },
    answer: { checkout: closed, isContradicted: false },
  };
}

/**
 * Takes the ordered units out of the cart: the frozen counts, from the lines with the frozen ids. Units that were added
 * since the freeze stay, and so does a line that was removed and added again, since it has another id.
 */
function takeOrdered(cart: Cart, checkout: Checkout): Pick<Changes, 'removedLineIds' | 'changedLines'> {
  const frozenCounts = new Map(checkout.lines.map(({ id, count }) => [id, count]));
  const left = cart.lines
    .filter(({ id }) => frozenCounts.has(id))
    .map((line) => ({ ...line, count: line.count - (frozenCounts.get(line.id) ?? 0) }));
  return {
    removedLineIds: left.filter(({ count }) => count <= 0).map(({ id }) => id),
    changedLines: left.filter(({ count }) => count > 0),
  };
}

function refusalOf(ending: Ending, checkoutId: string): CheckoutRefusal {
  if (ending.kind === 'refused') return ending.refusal;
  const isTaken = ending.kind === 'taken';
  return {
    kind: 'unavailable',
    reason: isTaken ? 'CHECKOUT_CONFLICT' : 'CHECKOUT_ABANDONED',
    domain: 'cart',
    message: isTaken
      ? `no order was made, because the id of checkout ${checkoutId} was already taken: call Checkout again`
      : `an operator closed checkout ${checkoutId} without an order: call Checkout again`,
    values: { checkoutId },
  };
}
