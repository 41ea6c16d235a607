import type { Cart, CartLine, Checkout, Decision } from '../carts/cart.ts';

/** What a decision needs to see beside the cart itself. */
export interface Wanted {
  /** A key of AddItem. */
  readonly addKey?: string | undefined;
  /** A key of Checkout. */
  readonly checkoutKey?: string | undefined;
  readonly checkoutId?: string;
}

export interface UpdateLimits {
  /** Milliseconds since the epoch. No try begins at or past it, and each ends with what is left. */
  readonly deadlineMs: number;
  /**
   * Whether running it again is right even where the first run was written and only its answer got lost. Then that is done.
   */
  readonly isRepeatable: boolean;
}

/** An open checkout that the caller may finish: nobody else claims it before the claim ends. */
export interface Claimed {
  readonly checkout: Checkout;
  /** tally_now() of the claim. */
  readonly moment: Date;
}

/**
 * Where carts and checkouts live.
 *
 * `update` locks the cart, loads, lets `decide` decide, and writes its changes, all or nothing. It runs again, within its
 * limits, where another transaction was in the way. A `decide` that throws changes nothing.
 */
export interface Store {
  update<A>(userId: bigint, wanted: Wanted, decide: (cart: Cart) => Decision<A>, limits: UpdateLimits): Promise<A>;
  /** Reads take no lock. They end with what their caller has left. */
  findLines(userId: bigint, timeoutMs: number): Promise<CartLine[]>;
  /** The request that this key of AddItem was used for. */
  findAddKey(userId: bigint, key: string, timeoutMs: number): Promise<Buffer | undefined>;
  /** Whose checkout it is. */
  findOwner(checkoutId: string): Promise<bigint | undefined>;
  /** Claims open checkouts whose claim has ended, by the database's own clock, the longest ended first. */
  claimOpen(limit: number, claimMs: number): Promise<Claimed[]>;
  /** Deletes at most `limit` idempotency keys of AddItem and as many of Checkout. Resolves with the number deleted. */
  deleteOldKeys(maxAgeMs: number, limit: number): Promise<number>;
}
