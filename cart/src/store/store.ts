import type { Cart, CartLine, Decision } from '../carts/cart.ts';
import type { ClaimedCheckout } from '../carts/intent.ts';

/** What a decision reads in addition to the lines of the cart, its open checkout and its last order. */
export interface Wanted {
  /** An idempotency key of AddItem. */
  readonly addKey?: string | undefined;
  /** An idempotency key of Checkout. */
  readonly checkoutKey?: string | undefined;
  /** The id of a checkout of the same user. */
  readonly checkoutId?: string;
}

interface UpdateOptions {
  /** Milliseconds since the epoch. No attempt begins at or after it, and each attempt gets the time that is left. */
  readonly deadlineMs: number;
  /**
   * Whether the update may run again when it is unknown whether the failed attempt was committed. The second run then
   * loads what the first one wrote, and its decision must notice that nothing is left to do.
   */
  readonly isRepeatable: boolean;
}

/** Where carts and checkouts are stored. */
export interface Store {
  /**
   * Locks the cart of a user, loads it, calls `decide` and writes its changes, in one transaction. Creates the cart if
   * the user has none. Resolves with the answer of the decision once the changes are committed. Makes several attempts
   * within its deadline, so `decide` can run several times. When `decide` throws, nothing changes.
   */
  update<A>(userId: bigint, wanted: Wanted, decide: (cart: Cart) => Decision<A>, options: UpdateOptions): Promise<A>;
  /** Returns the lines of a cart, sorted by sku. Takes no lock. */
  findLines(userId: bigint, timeoutMs: number): Promise<CartLine[]>;
  /**
   * Returns the hash of the request that came with a key of AddItem; undefined when the key is unknown. Takes no lock.
   */
  findAddKey(userId: bigint, key: string, timeoutMs: number): Promise<Buffer | undefined>;
  /** Returns the user whose checkout this is, or undefined when there is no such checkout. */
  findOwner(checkoutId: string): Promise<bigint | undefined>;
  /**
   * Claims up to `limit` open checkouts whose claims have ended, for `claimMs` from now. Those whose claims ended first
   * come first. Claims are timed by clock_timestamp() of the database, which tests cannot shift as they shift
   * tally_now().
   */
  claimOpen(limit: number, claimMs: number): Promise<ClaimedCheckout[]>;
  /**
   * Deletes idempotency keys that are older than `maxAgeMs` by tally_now(): at most `limit` of AddItem and as many of
   * Checkout. Resolves with the number deleted.
   */
  deleteOldKeys(maxAgeMs: number, limit: number): Promise<number>;
}
