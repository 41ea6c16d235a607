import type { Order } from './order.ts';
import type { Movement, Stock } from './stock.ts';

/** What a batch of commands asks the store to lock and load. */
export interface Wanted {
  /** Orders to change. The store locks them, and then the stocks of their lines. */
  readonly orderIds: readonly bigint[];
  /** Skus to reserve. The store locks their stocks. */
  readonly skus: readonly number[];
  /** Request ids under which an order may exist already. */
  readonly requestIds: readonly string[];
  /** Idempotency keys that may have been used before. */
  readonly keys: readonly KeyId[];
  /** Number of order ids to draw. */
  readonly newOrders: number;
}

/** An idempotency key. Each user has keys of their own. */
interface KeyId {
  readonly userId: bigint;
  readonly key: string;
}

/** An idempotency key with the request that used it and the order that answered it. */
export interface StoredKey extends KeyId {
  readonly requestHash: Buffer;
  readonly orderId: bigint;
}

/** What the store loaded after it took the locks. Locked rows stay fixed until the changes are committed. */
export interface Loaded {
  /** tally_now() after the locks were taken. The batch compares every business deadline with it. */
  readonly moment: Date;
  /** The wanted orders, locked. */
  readonly orders: readonly Order[];
  /** Stocks by sku, locked. A sku without stock is absent. */
  readonly stocks: ReadonlyMap<number, Stock>;
  /**
   * The orders of the wanted request ids and keys. They are not locked, so a decision may rely only on what never
   * changes: their ids, user, lines and refusal.
   */
  readonly known: readonly Order[];
  readonly keys: readonly StoredKey[];
  /** Newly drawn order ids. */
  readonly orderIds: readonly bigint[];
}

/** Everything that a batch writes. */
export interface Changes {
  readonly moment: Date;
  readonly created: readonly Order[];
  readonly changed: readonly Order[];
  readonly movements: readonly Movement[];
  readonly events: readonly RecordedEvent[];
  readonly keys: readonly StoredKey[];
}

/** One status change of an order. The versions of an order's events are 1, 2, 3 and so on, without gaps. */
export interface RecordedEvent extends Pick<Order, 'version' | 'status' | 'cause'> {
  readonly orderId: bigint;
  /** The trace of the call that caused the change. */
  readonly traceparent: string | undefined;
}

/** What a decision returns: the changes to write, and the answer to give once they are committed. */
export interface Decision<A> {
  readonly changes: Changes;
  readonly answer: A;
}
