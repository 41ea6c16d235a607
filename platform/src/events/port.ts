/** An event to append. */
export interface NewEvent {
  readonly topic: string;
  /** Chooses the partition. Events with the same key share a partition, so they keep their order. */
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where the log keeps an event. */
export interface Position {
  readonly partition: number;
  /** 0, 1, 2, … within the partition, without gaps unless another program writes transactions to it on Kafka. */
  readonly offset: bigint;
}

export interface LoggedEvent extends NewEvent, Position {}

/**
 * Says that the log refuses a record because of the record itself: it is too large, or its topic does not exist. The
 * log throws this only for a record that was published alone, so it is clear which record is meant.
 */
export class RecordRefusedError extends Error {
  override readonly name = 'RecordRefusedError';
}

/**
 * Handles events of one partition, in order.
 *
 * The group's offset moves past the events when the handler resolves. When it rejects, the same events are delivered
 * again after a pause, until it succeeds; later events of the partition wait. The signal aborts when the partition may
 * already belong to another member, or when the handler took too long. The handler must then stop and write nothing:
 * the same events may be delivered again at once, even while it is still running.
 */
type EventHandler = (events: readonly LoggedEvent[], context: { readonly signal: AbortSignal }) => Promise<void>;

export interface SubscribeOptions {
  readonly topic: string;
  /**
   * Name of the consumer group. Its members divide the partitions among themselves. Each group reads every event, from
   * the earliest one on.
   */
  readonly group: string;
  readonly handler: EventHandler;
  /** Maximum number of events in one call of the handler. The default is 200. */
  readonly maxBatchEvents?: number;
  /** Maximum duration of one call of the handler. A call that takes longer counts as failed. The default is 60,000. */
  readonly handlerLimitMs?: number;
}

/**
 * One member of a consumer group. Disposing it waits for running handlers, commits what they handled, and leaves the
 * group, so that other members get its partitions at once.
 */
export interface Subscription extends AsyncDisposable {
  /** The partitions that the member holds now, in ascending order. */
  readonly partitions: readonly number[];
}

/**
 * An event log with at-least-once delivery, in order within a key.
 *
 * After a crash, a pause or a rebalance, events may be delivered again. The first deliveries of a key's events are
 * always in order. A group's offset never moves back on PostgreSQL. On Kafka, a process that was paused for longer than
 * its session can move it back for a few seconds.
 */
export interface EventLog extends AsyncDisposable {
  /**
   * Creates a topic, or adds the missing partitions to an existing one. Throws `failed-precondition` when the topic has
   * more partitions than wanted, or weaker settings, or when partitions are missing and an event is unread. Adding
   * partitions moves keys to other partitions, where later events of a key could overtake unread ones. An event is
   * unread while a group that reads the topic has not read it, and while no group reads the topic.
   */
  ensureTopic(topic: string, partitions: number): Promise<void>;
  /**
   * Appends events in the given order and returns their positions once they are durable. When an event itself is at
   * fault, throws RecordRefusedError if it was published alone, and `invalid-argument` if it was part of a batch. To
   * find it in a batch, publish the events one by one. Any other error says nothing about the events: publish them
   * again. After every error but RecordRefusedError, some of the events may have been appended.
   */
  publish(events: readonly NewEvent[]): Promise<readonly Position[]>;
  /** Joins a consumer group and starts to deliver events to the handler. */
  subscribe(options: SubscribeOptions): Subscription;
}
