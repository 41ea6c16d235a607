/** An event to append. */
export interface NewEvent {
  readonly topic: string;
  /** Events of one key keep their order: they share a partition. */
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where the log keeps an event. */
export interface Position {
  readonly partition: number;
  /** 0, 1, 2, … within the partition, without gaps. */
  readonly offset: bigint;
}

export interface LoggedEvent extends NewEvent, Position {}

/**
 * The log refuses a record for what it is (too large, no such topic), not for the state it is in. Only when that record
 * was sent alone does it say which one.
 */
export class RecordRefusedError extends Error {
  override readonly name = 'RecordRefusedError';
}

export interface SubscribeOptions {
  readonly topic: string;
  /** Members of a group share the partitions; each group reads everything. A new group reads from the earliest. */
  readonly group: string;
  /**
   * Gets events of one partition, in order. Their offset is committed once it resolves. When it rejects, the same events
   * come again after a pause, without end, and the partition waits. The signal aborts when the partition may be somebody
   * else's by now: give up, write nothing.
   */
  readonly handler: (events: readonly LoggedEvent[], context: { readonly signal: AbortSignal }) => Promise<void>;
  readonly maxBatchEvents?: number;
  /** Longest time for one batch. Past it the signal aborts, and the events come again, as if the handler had rejected. */
  readonly handlerLimitMs?: number;
}

/** A member of a group. Disposing it lets running handlers end, commits, and gives its partitions back at once. */
export interface Subscription extends AsyncDisposable {
  /** The partitions it holds now. */
  readonly partitions: readonly number[];
}

/**
 * An event log: at least once, in order within a key.
 *
 * A crash, a pause or a new member can bring an event again, never out of its order among the first occurrences. A group's
 * offset never goes back on PostgreSQL; on Kafka a woken zombie can set it back for a while.
 */
export interface EventLog extends AsyncDisposable {
  /** Makes a topic. One that exists keeps its events; it takes more partitions only while nothing in it is unread. */
  ensureTopic(topic: string, partitions: number): Promise<void>;
  /**
   * Appends in the given order and resolves with each event's position once they are durable. Rejects with
   * RecordRefusedError for a record's own fault; any other rejection says nothing of any record: send them again.
   */
  publish(events: readonly NewEvent[]): Promise<readonly Position[]>;
  subscribe(options: SubscribeOptions): Subscription;
}

export const DEFAULT_MAX_BATCH_EVENTS = 200;
export const DEFAULT_HANDLER_LIMIT_MS = 60_000;
