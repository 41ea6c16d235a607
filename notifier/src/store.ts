import type { NotificationState } from './inbox.ts';
import type { OrderStatus } from './order-event.ts';

/** A version of an order as the inbox keeps it. */
export interface Notification {
  readonly orderId: bigint;
  readonly version: number;
  readonly state: NotificationState;
  /** Undefined where a dead event does not tell. */
  readonly status: OrderStatus | undefined;
  readonly moment: Date | undefined;
  readonly traceparent: string | undefined;
}

export interface NewNotification extends Notification {
  readonly partition: number;
  readonly offset: bigint;
  /** Why it is dead. */
  readonly reason: string | undefined;
}

export interface UnreadableEvent {
  readonly partition: number;
  readonly offset: bigint;
  readonly reason: string;
}

export interface InboxChanges {
  readonly inserted: readonly NewNotification[];
  readonly released: readonly { readonly orderId: bigint; readonly version: number }[];
  readonly unreadable: readonly UnreadableEvent[];
  /** Called when all is written, before the commit: told may be twice, written is once. */
  readonly beforeCommit: () => void;
}

/** A value that the database cannot keep: one of the events is poison. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

/** The inbox. */
export interface Store {
  /**
   * Locks the orders, loads what is known of them, decides, writes. One transaction; two for one order run one after the
   * other, and the second sees what the first wrote. Rejects with DataError where a value is at fault.
   */
  update(orderIds: readonly bigint[], decide: (known: readonly Notification[]) => InboxChanges): Promise<void>;
  /** Gives a dead version another state, deciding under the same lock. Undefined: nothing is done. */
  revive(
    orderId: bigint,
    decide: (known: readonly Notification[]) => { notification: Notification; beforeCommit: () => void } | undefined,
  ): Promise<void>;
  /** Applied ones of an order, in order. */
  list(orderId: bigint, timeoutMs: number): Promise<AppliedNotification[]>;
}

export interface AppliedNotification {
  readonly version: number;
  readonly status: string;
  readonly moment: Date;
}
