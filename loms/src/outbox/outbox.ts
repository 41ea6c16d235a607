import type { NewOrderEvent } from '@tally/proto/events';

/** An event that the log has not acknowledged yet. */
export interface OutboxRow extends NewOrderEvent {
  /** Rises with the version within an order. */
  readonly position: bigint;
}

/** Where the log acknowledged an event. */
export interface Acknowledged {
  readonly position: bigint;
  readonly partition: number;
  readonly offset: bigint;
}

/** The unpublished part of order_events. */
export interface Outbox {
  /** In position order; of an order with a quarantined event only what comes before it. */
  unpublished(limit: number): Promise<OutboxRow[]>;
  /** Writes what the log acknowledged; the first mark of an event stays. */
  mark(acknowledged: readonly Acknowledged[]): Promise<void>;
  /** The log refused this very event: its order waits until an operator decides. */
  quarantine(position: bigint, reason: string): Promise<void>;
}
