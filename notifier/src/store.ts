import type { Notification } from './inbox.ts';

/** An event that does not name its order and version. */
export interface UnreadableEvent {
  readonly partition: number;
  readonly offset: bigint;
  readonly reason: string;
}

/** What one transaction writes. */
export interface InboxChanges {
  readonly inserted: readonly Notification[];
  readonly released: readonly Notification[];
  readonly unreadable: readonly UnreadableEvent[];
}

/** What a transaction does after it has loaded the known notifications. */
export interface Decision<Changes, Answer> {
  readonly changes: Changes;
  /** What the caller of the store gets. */
  readonly answer: Answer;
  /**
   * Called when the changes are written and not yet committed. If it throws, nothing is committed. If the commit fails
   * or the process crashes before it, the next attempt calls it again.
   */
  readonly beforeCommit: () => void;
}

/** Thrown when the database cannot store a value of one of the events, so that this event is poison. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

/** The inbox, which is also the record of what was told. */
export interface Store {
  /**
   * Locks the orders, loads their notifications, decides and writes in one transaction, and resolves with the answer.
   * Two transactions for one order run one after the other, and the second one sees what the first one wrote. Rejects
   * with DataError when a value cannot be stored.
   */
  update<Answer>(
    orderIds: readonly bigint[],
    decide: (known: readonly Notification[]) => Decision<InboxChanges, Answer>,
  ): Promise<Answer>;
  /** Locks one order, loads its notifications, decides, and replaces a dead one in one transaction, like `update`. */
  revive<Answer>(
    orderId: bigint,
    decide: (known: readonly Notification[]) => Decision<Notification, Answer>,
  ): Promise<Answer>;
  /** Returns the applied notifications of an order, by version. */
  list(orderId: bigint, timeoutMs: number): Promise<AppliedNotification[]>;
}

export interface AppliedNotification {
  readonly version: number;
  readonly status: string;
  readonly moment: Date;
}
