import type { Clock, EveryDeps } from '../../concurrency/index.ts';
import { callHandler } from '../delivery.ts';
import { DEFAULT_MAX_BATCH_EVENTS, retryPauseMs } from '../limits.ts';
import type { LoggedEvent, SubscribeOptions } from '../port.ts';
import type { FetchedRecords, PartitionOffset } from './topic-client.ts';

/** The state of a partition between its assignment and its revocation. */
export interface AssignedPartition {
  readonly partition: number;
  /** The offset to fetch next. */
  fetchOffset: bigint;
  /** The offset to commit: the handler has handled every event below it. */
  handledOffset: bigint;
  /** The offset that the group has committed, as far as is known. */
  committedOffset: bigint;
  /** Events that were fetched and not handled yet, those of a running handler included. */
  buffer: LoggedEvent[];
  /** Number of failed calls of the handler in a row. */
  failures: number;
  /** Whether the pause after a failed call is running. */
  isBackingOff: boolean;
  /** Aborts when the partition may already belong to another member. */
  readonly revoked: AbortController;
}

/**
 * The partitions that are assigned to this member, their buffers, and the handlers that empty them: one handler at a
 * time for each partition, so that one that fails or is slow holds up its own partition only.
 */
export interface AssignedPartitions {
  readonly current: ReadonlyMap<number, AssignedPartition>;
  /** Sets the function that is called when partitions may take more events. */
  onRoom(listener: () => void): void;
  /** Returns the partitions whose buffer is below its limit. The others are not fetched: this is the backpressure. */
  withRoom(): AssignedPartition[];
  /** Replaces all partitions by newly assigned ones, which are read from these offsets. */
  assign(starts: readonly PartitionOffset[]): void;
  /** Appends records to the buffer of a partition. Records that do not follow the buffer are ignored. */
  append(partition: AssignedPartition, fetched: FetchedRecords): void;
  /** Starts a handler for each partition that has events and no running handler, unless `mayStart` forbids it. */
  startHandlers(): void;
  /**
   * Starts no more handlers, and waits for the running ones. At the limit their signals abort, and half a second later
   * they are abandoned. The handled offsets stay readable until `clear` or `assign`.
   */
  drain(limitMs: number): Promise<void>;
  /** Forgets all partitions and aborts the signals of their handlers. */
  clear(): void;
}

interface AssignedPartitionsDeps extends EveryDeps {
  /**
   * Whether handlers may start now: the group must have confirmed recently that the partitions belong to this member.
   */
  readonly mayStart: () => boolean;
}

const ABORTED_HANDLER_LIMIT_MS = 500;
// A partition is not fetched while its buffer has reached one of these limits. A single fetch may exceed them.
const MAX_BUFFERED_BATCHES = 2;
const MAX_BUFFERED_BYTES = 1024 * 1024;

/** Creates the partitions of a member, none at first. */
export function createAssignedPartitions(deps: AssignedPartitionsDeps, options: SubscribeOptions): AssignedPartitions {
  const { maxBatchEvents = DEFAULT_MAX_BATCH_EVENTS } = options;
  const current = new Map<number, AssignedPartition>();
  /**
   * Running handlers by partition. They may outlive the assignment of their partition. When the partition is assigned
   * again, its next handler starts only after the old one has ended.
   */
  const running = new Map<number, Promise<void>>();
  let isDraining = false;
  let notifyRoom = () => {};

  function clear(): void {
    for (const { revoked } of current.values()) revoked.abort();
    current.clear();
  }

  function startHandlers(): void {
    if (isDraining || !deps.mayStart()) return;
    for (const assigned of current.values()) {
      if (assigned.buffer.length === 0 || assigned.isBackingOff || running.has(assigned.partition)) continue;
      const handled = handle(deps, options, assigned, startHandlers).finally(() => {
        running.delete(assigned.partition);
        notifyRoom();
        startHandlers();
      });
      running.set(assigned.partition, handled);
    }
  }

  return {
    current,
    onRoom(listener) {
      notifyRoom = listener;
    },
    withRoom: () =>
      [...current.values()].filter(
        ({ buffer }) => buffer.length < maxBatchEvents * MAX_BUFFERED_BATCHES && bytesOf(buffer) < MAX_BUFFERED_BYTES,
      ),
    assign(starts) {
      clear();
      isDraining = false;
      for (const { partition, offset } of starts) current.set(partition, toAssigned(partition, offset));
      notifyRoom();
    },
    append(assigned, { events, fetchOffset, nextOffset }) {
      // After a change of leader, fetches from the old and the new one may both bring the same records.
      if (fetchOffset !== assigned.fetchOffset) return;
      // Some offsets hold no event, such as that of a transaction marker. They count as handled as soon as all events
      // before them have been handled.
      if (events.length === 0 && assigned.buffer.length === 0) assigned.handledOffset = nextOffset;
      assigned.buffer.push(...events);
      assigned.fetchOffset = nextOffset;
      startHandlers();
    },
    startHandlers,
    async drain(limitMs) {
      isDraining = true;
      await settleWithin(deps.clock, limitMs, running.values());
      for (const { revoked } of current.values()) revoked.abort();
      await settleWithin(deps.clock, ABORTED_HANDLER_LIMIT_MS, running.values());
    },
    clear,
  };
}

/** Calls the handler with the head of the buffer. On success the handled offset advances, otherwise a pause begins. */
async function handle(
  { clock, random, onError }: AssignedPartitionsDeps,
  options: SubscribeOptions,
  assigned: AssignedPartition,
  retry: () => void,
): Promise<void> {
  const events = assigned.buffer.slice(0, options.maxBatchEvents ?? DEFAULT_MAX_BATCH_EVENTS);
  try {
    await callHandler(clock, options, events, assigned.revoked.signal);
    assigned.buffer.splice(0, events.length);
    assigned.handledOffset = assigned.buffer[0]?.offset ?? assigned.fetchOffset;
    assigned.failures = 0;
  } catch (error) {
    // A handler that stops because its partition was revoked has not failed.
    if (!assigned.revoked.signal.aborted) onError(error);
    assigned.failures += 1;
    assigned.isBackingOff = true;
    clock.schedule(retryPauseMs(assigned.failures, random), () => {
      assigned.isBackingOff = false;
      retry();
    });
  }
}

/** Waits for the handlers, but not longer than the limit. */
function settleWithin(clock: Clock, limitMs: number, handlers: Iterable<Promise<void>>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(limitMs, resolve);
    void Promise.all(handlers).then(() => {
      cancel();
      resolve();
    });
  });
}

function toAssigned(partition: number, offset: bigint): AssignedPartition {
  return {
    partition,
    fetchOffset: offset,
    handledOffset: offset,
    committedOffset: offset,
    buffer: [],
    failures: 0,
    isBackingOff: false,
    revoked: new AbortController(),
  };
}

const bytesOf = (events: readonly LoggedEvent[]) => events.reduce((sum, { value }) => sum + value.length, 0);
