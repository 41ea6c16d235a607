import type { Product } from './product.ts';

/** Some units of one sku, with the name and price that the product service gave last. */
export interface CartLine extends Product {
  /** Ids are never reused: a line that is removed and added again gets a new id. */
  readonly id: bigint;
  readonly sku: number;
  /** 1 to 65535. */
  readonly count: number;
}

/**
 * State of a checkout.
 *
 * - `open`: the lines are frozen, and it is not known yet whether loms made an order of them.
 * - `done`: loms made the order, and the ordered units have left the cart.
 * - `refused`: the checkout ended without an order, and the cart kept its lines.
 */
export type CheckoutState = 'open' | 'done' | 'refused';

/** Why a checkout ended without an order. Every caller who asks for the checkout gets this answer. */
export interface CheckoutRefusal {
  readonly kind: 'failed-precondition' | 'unavailable';
  readonly reason: string;
  /** The service that refused. */
  readonly domain: string;
  readonly message: string;
  readonly values: Readonly<Record<string, string>>;
}

/** The intent to order what a cart held at one moment. At most one order comes of it. */
export interface Checkout {
  /** A UUID. loms gets it as `checkout_id`, and makes at most one order for it. */
  readonly id: string;
  readonly userId: bigint;
  readonly state: CheckoutState;
  /** loms makes an order of this checkout only before this moment, by the clock of its own database. */
  readonly decideBefore: Date;
  /** Null while the checkout is open. */
  readonly closedAt: Date | null;
  /**
   * `done`: the order. `refused`: the failed order that loms keeps for this checkout, or null when loms keeps none (the
   * id was taken, or an operator abandoned the checkout).
   */
  readonly orderId: bigint | null;
  /** Set when, and only when, the checkout is refused. */
  readonly refusal: CheckoutRefusal | null;
  /** The lines as they were frozen, by sku. Every request to loms is made of these lines. */
  readonly lines: readonly CartLine[];
}

/** Returns the order of a checkout that is done. */
export function orderIdOf({ id, state, orderId }: Checkout): bigint {
  if (state !== 'done' || orderId === null) throw new Error(`checkout ${id} is ${state} and has no order`);
  return orderId;
}

/**
 * What a decision about one cart reads. The cart is locked, so nobody else changes it before the decision is written.
 */
export interface Cart {
  readonly userId: bigint;
  /** The time at which the decision is made: tally_now() of the database, read after the cart was locked. */
  readonly moment: Date;
  /** By sku. */
  readonly lines: readonly CartLine[];
  /** A user has at most one open checkout. */
  readonly openCheckout: Checkout | undefined;
  /** The checkout to which `checkoutKey` of the store's `Wanted` belongs. */
  readonly checkoutByKey: Checkout | undefined;
  /** The checkout whose id is `checkoutId` of `Wanted`. */
  readonly checkoutById: Checkout | undefined;
  /** The checkout that became done last. */
  readonly lastDone: Checkout | undefined;
  /** Hash of the AddItem request that came with `addKey` of `Wanted`. */
  readonly addKeyHash: Buffer | undefined;
}

/** What a decision about one cart writes, in one transaction. */
export interface Changes {
  readonly removedLineIds?: readonly bigint[];
  readonly changedLines?: readonly CartLine[];
  readonly addedLine?: Omit<CartLine, 'id'>;
  readonly addKey?: AddKey;
  /** A new checkout, and the milliseconds during which no resumer takes it over from its caller. */
  readonly frozen?: { readonly checkout: Checkout; readonly claimMs: number };
  /** Makes the claim on an open checkout last at least `claimMs` from now. It is never shortened. */
  readonly extendedClaim?: { readonly checkoutId: string; readonly claimMs: number };
  /** An idempotency key of Checkout, and the checkout to which it belongs from now on. */
  readonly checkoutKey?: { readonly key: string; readonly checkoutId: string };
  /** The checkout in its final state. */
  readonly closed?: Checkout;
  /** A row of the table `audit`, about a change that an operator makes by hand. */
  readonly audit?: { readonly action: string; readonly subject: string; readonly reason: string };
}

/** An idempotency key of AddItem. */
export interface AddKey {
  readonly text: string;
  /** Hash of the request that the key came with. */
  readonly requestHash: Buffer;
}

/** What a decision returns: the changes to write, and the answer to hand to its caller once they are committed. */
export interface Decision<A> {
  readonly changes: Changes;
  readonly answer: A;
}

/** A decision that writes nothing. */
export const unchanged = <A>(answer: A): Decision<A> => ({ changes: {}, answer });
