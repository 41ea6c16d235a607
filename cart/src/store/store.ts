import type { Cart, CartLine, Decision } from '../carts/cart.ts';
import type { ClaimedCheckout } from '../carts/intent.ts';

/** What a decision reads besides the cart, its open checkout and its last order. */
export interface Wanted {
  /** An idempotency key of AddItem. */
  readonly addKey?: string | undefined;
  /** An idempotency key of Checkout. */
  readonly checkoutKey?: string | undefined;
  readonly checkoutId?: string;
}

interface UpdateOptions {
  /** Milliseconds since the epoch. No attempt begins at or after it, and each attempt gets the time that is left. */
  readonly deadlineMs: number;
  /**
   * Whether the update may run again after an attempt that failed and may have been committed all the same. True by default:
   * a decision that runs again sees what it committed, and decides accordingly.
   */
  readonly isRepeatable?: boolean;
}

/** Where carts and checkouts are stored. */
export interface Store {
  /**
   * Locks the cart of a user, loads it, calls `decide` and writes its changes, in one transaction. Resolves with the answer
   * of the decision once the changes are committed. Retries within its deadline, so `decide` can run several times. When
   * `decide` throws, nothing changes.
   */
  update<A>(userId: bigint, wanted: Wanted, decide: (cart: Cart) => Decision<A>, options: UpdateOptions): Promise<A>;
  /** Returns the lines of a cart, by sku. Takes no lock. */
  findLines(userId: bigint, timeoutMs: number): Promise<CartLine[]>;
  /** Returns the hash of the request that a key of AddItem was used with. Takes no lock. */
  findAddKey(userId: bigint, key: string, timeoutMs: number): Promise<Buffer | undefined>;
  /** Returns the user whose checkout this is. */
  findOwner(checkoutId: string): Promise<bigint | undefined>;
  /** Claims open checkouts whose claims have ended, by the clock of the database. Those that ended first come first. */
  claimOpen(limit: number, claimMs: number): Promise<ClaimedCheckout[]>;
  /** Deletes at most `limit` idempotency keys of AddItem and as many of Checkout. Resolves with the number deleted. */
  deleteOldKeys(maxAgeMs: number, limit: number): Promise<number>;
}
