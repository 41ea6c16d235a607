import type { Movement, Stock } from '../orders/stock.ts';
import type { Order, OrderEvent } from '../orders/order.ts';

/** What a batch needs to see before it can decide. */
export interface Wanted {
  /** Orders to change. */
  readonly orderIds: readonly bigint[];
  /** Stocks to reserve from; those of the orders' lines come by themselves. */
  readonly skus: readonly number[];
  readonly requestIds: readonly string[];
  readonly keys: readonly KeyId[];
  /** How many order ids to draw. */
  readonly newOrders: number;
}

export interface KeyId {
  readonly userId: bigint;
  readonly key: string;
}

export interface StoredKey extends KeyId {
  readonly requestHash: Buffer;
  readonly orderId: bigint;
}

/** What the locks allow to see, and nothing can change until the changes are applied. */
export interface Loaded {
  /** tally_now() behind the locks. */
  readonly moment: Date;
  /** Locked. */
  readonly orders: readonly Order[];
  /** Locked. A sku without stock is absent. */
  readonly stocks: ReadonlyMap<number, Stock>;
  /** Orders of the wanted request ids and keys; not locked, only their identity and refusal may be used. */
  readonly known: readonly Order[];
  readonly keys: readonly StoredKey[];
  /** Fresh, one for each new order. */
  readonly orderIds: readonly bigint[];
}

/** All that one batch writes. */
export interface Changes {
  readonly moment: Date;
  readonly created: readonly Order[];
  readonly changed: readonly Order[];
  readonly movements: readonly Movement[];
  readonly events: readonly (OrderEvent & { readonly traceparent: string | undefined })[];
  readonly keys: readonly StoredKey[];
}

/**
 * Where orders and stock live.
 *
 * `update` locks the orders and then the stocks, loads, lets `decide` decide, and writes its changes, all or nothing.
 * When it rejects, whether they were written may be unknown: run it again, and the look-up by request id and key behind
 * the locks tells. A `decide` that throws changes nothing.
 */
export interface Store {
  update(wanted: Wanted, decide: (loaded: Loaded) => Changes): Promise<void>;
  /** Reads touch nothing. They end with what their caller has left. */
  findOrder(id: bigint, timeoutMs: number): Promise<OrderView | undefined>;
  findStock(sku: number, timeoutMs: number): Promise<Stock | undefined>;
  /** Orders unpaid at or past their deadline, by tally_now(), the longest due first. */
  findDueOrders(limit: number): Promise<bigint[]>;
  /** Forgets idempotency keys; returns how many. */
  deleteOldKeys(maxAgeMs: number, limit: number): Promise<number>;
}

/** An order as a reader sees it. */
export type OrderView = Pick<Order, 'userId' | 'status' | 'lines'>;

/**
 * Why an update failed, as the batcher needs to know it.
 *
 * - `conflict`: somebody else was first; run again.
 * - `timeout`: a lock or the server took too long; run again with less.
 * - `lost`: the connection broke; whether it was written is unknown; run again.
 * - `culprit`: one of the commands cannot be decided or stored; find it.
 */
export type UpdateFailure = 'conflict' | 'timeout' | 'lost' | 'culprit';

export class UpdateError extends Error {
  override readonly name = 'UpdateError';
  readonly failure: UpdateFailure;

  constructor(failure: UpdateFailure, cause: unknown) {
    super(`the batch could not be written: ${failure}`, { cause });
    this.failure = failure;
  }
}
