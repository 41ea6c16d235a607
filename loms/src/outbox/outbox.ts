import type { NewOrderEvent } from '@tally/proto/events';

/** An event that the log has not acknowledged yet. */
export interface OutboxRow extends NewOrderEvent {
  /** Positions of one order's events ascend with their versions. */
  readonly position: bigint;
}

/** The place in the log at which an event was acknowledged. */
export interface Acknowledgement {
  /** The position of the event in the outbox. */
  readonly position: bigint;
  readonly partition: number;
  readonly offset: bigint;
}

/** The rows of order_events that are not published yet. */
export interface Outbox {
  /**
   * Returns at most `limit` unpublished events, ascending by position. Leaves out a quarantined event and the later
   * events of its order.
   */
  findUnpublished(limit: number): Promise<OutboxRow[]>;
  /** Stores where events were acknowledged. The first acknowledgement of an event stays. */
  markPublished(acknowledgements: readonly Acknowledgement[]): Promise<void>;
  /** Stores why the log refused an event. The event and the later ones of its order wait until an operator decides. */
  quarantine(position: bigint, reason: string): Promise<void>;
}
