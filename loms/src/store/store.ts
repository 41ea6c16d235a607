import type { Decision, Loaded, Wanted } from '../orders/decision.ts';
import type { Order } from '../orders/order.ts';
import type { Stock } from '../orders/stock.ts';

/** Where orders and stock are stored. */
export interface Store {
  /**
   * Locks the wanted orders and then the stocks, loads them, calls `decide`, and writes its changes, all or nothing.
   * Resolves with the decision's answer once they are committed.
   *
   * Rejects with UpdateError. Then the changes may have been committed or not. Running the same update again is safe:
   * it waits for the locks of the first run, and the look-up by request id and key finds what that run committed.
   * Nothing is written when `decide` throws.
   */
  update<A>(wanted: Wanted, decide: (loaded: Loaded) => Decision<A>): Promise<A>;
  /** Reads one order without a lock. Fails after `timeoutMs`. */
  findOrder(id: bigint, timeoutMs: number): Promise<OrderView | undefined>;
  /** Reads the stock of a sku without a lock. Fails after `timeoutMs`. */
  findStock(sku: number, timeoutMs: number): Promise<Stock | undefined>;
  /**
   * Returns the ids of at most `limit` orders that are unpaid at their deadline by tally_now(). Those with the earliest
   * deadlines come first.
   */
  findDueOrders(limit: number): Promise<bigint[]>;
  /** Deletes at most `limit` idempotency keys older than `maxAgeMs`. Returns how many it deleted. */
  deleteOldKeys(maxAgeMs: number, limit: number): Promise<number>;
}

/** An order as its readers see it. */
export type OrderView = Pick<Order, 'userId' | 'status' | 'lines'>;

/**
 * Why an update failed. Each kind calls for another reaction of the caller:
 *
 * - `conflict`: another transaction was first. Run it again.
 * - `timeout`: a lock or the server took too long. Run it again with fewer commands.
 * - `lost`: the connection broke. Run it again.
 * - `culprit`: one of the commands cannot be decided or stored. Find it by running fewer at a time.
 */
export type UpdateFailure = 'conflict' | 'timeout' | 'lost' | 'culprit';

export class UpdateError extends Error {
  override readonly name = 'UpdateError';
  readonly failure: UpdateFailure;

  constructor(failure: UpdateFailure, cause: unknown) {
    super(`the update failed: ${failure}`, { cause });
    this.failure = failure;
  }
}
