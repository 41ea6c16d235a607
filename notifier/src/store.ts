import type { Notification } from './inbox.ts';

/** An event that does not even say which version of which order it is. */
export interface UnreadableEvent {
  readonly partition: number;
  readonly offset: bigint;
  readonly reason: string;
}

export interface InboxChanges {
  readonly inserted: readonly Notification[];
  readonly released: readonly Notification[];
  readonly unreadable: readonly UnreadableEvent[];
}

/** What is written, what the caller gets, and what happens after the writing and before the commit. */
export interface Decision<Changes, Answer> {
  readonly changes: Changes;
  readonly answer: Answer;
  /** When it throws, nothing is committed. A crash before the commit repeats it, although the changes are made once. */
  readonly beforeCommit: () => void;
}

/** The database cannot store a value: one of the events is poison. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

/** The inbox, which is also the record of what was told. */
export interface Store {
  /**
   * Locks the orders, loads their notifications, decides and writes in one transaction, and resolves with the answer. Two
   * transactions for one order run one after the other, and the second one sees what the first one wrote. Rejects with
   * DataError when a value cannot be stored.
   */
  update<Answer>(
    orderIds: readonly bigint[],
    decide: (known: readonly Notification[]) => Decision<InboxChanges, Answer>,
  ): Promise<Answer>;
  /** Gives a dead notification the state that is decided under the order's lock. */
  revive<Answer>(
    orderId: bigint,
    decide: (known: readonly Notification[]) => Decision<Notification, Answer>,
  ): Promise<Answer>;
  /** The applied notifications of an order, by version. */
  list(orderId: bigint, timeoutMs: number): Promise<AppliedNotification[]>;
}

export interface AppliedNotification {
  readonly version: number;
  readonly status: string;
  readonly moment: Date;
}
