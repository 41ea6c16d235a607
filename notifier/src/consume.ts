import type { EventLog, LoggedEvent, NewEvent } from '@tally/platform/events';
import {
  DEAD_LETTERS_TOPIC,
  type DecodedOrderEvent,
  HEADERS,
  SKIPPED_REASON,
  decodeOrderEvent,
} from '@tally/proto/events';

import { type Notification, decideInbox } from './inbox.ts';
import { DataError, type Store } from './store.ts';
import type { Tell } from './tell.ts';

export interface ConsumeDeps {
  readonly store: Store;
  readonly eventLog: Pick<EventLog, 'publish'>;
  readonly tell: Tell;
  /** Adds to the number of events with a result. An event that does not name its order and version is not counted. */
  readonly count: (result: 'applied' | 'parked' | 'dead' | 'duplicate', events: number) => void;
}

/** An event as the log delivered it, and as it was read. */
interface Arrival {
  readonly logged: LoggedEvent;
  readonly decoded: DecodedOrderEvent;
}

/**
 * Handles events of one partition, in order. Stores each of them as an applied, parked or dead version, or as an
 * unreadable event. Resolves when all of them are stored, so that the log may commit their offsets.
 *
 * An event that cannot be read is published as a dead letter before it is stored, so that a crash between the two loses
 * nothing. When anything else fails, for example because the database is away, this rejects, and the log delivers the
 * same events again until they are stored. Once the signal aborts, nothing more is told or stored, because another
 * member of the group may own the partition.
 */
export async function consume(
  deps: ConsumeDeps,
  events: readonly LoggedEvent[],
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const arrivals = events.map((logged) => ({ logged, decoded: decodeOrderEvent(logged) }));
  try {
    await storeArrivals(deps, arrivals, signal);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    // The database refused a value of one event, so it stored none of them. It is not known which event that is, so
    // each of them is stored in a transaction of its own.
    for (const arrival of arrivals) await storeAlone(deps, arrival, signal);
  }
}

async function storeAlone(deps: ConsumeDeps, arrival: Arrival, signal: AbortSignal | undefined): Promise<void> {
  try {
    await storeArrivals(deps, [arrival], signal);
  } catch (error) {
    const { logged, decoded } = arrival;
    if (!(error instanceof DataError) || decoded.kind === 'unreadable') throw error;
    const poison = { ...decoded, kind: 'poison', reason: 'the database cannot store a value of the event' } as const;
    await storeArrivals(deps, [{ logged, decoded: poison }], signal);
  }
}

async function storeArrivals(
  { store, eventLog, tell, count }: ConsumeDeps,
  arrivals: readonly Arrival[],
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const letters = arrivals.flatMap(toDeadLetter);
  if (letters.length > 0) await eventLog.publish(letters);

  const notifications = arrivals.flatMap(toNotification);
  const unreadable = arrivals.flatMap(({ logged: { partition, offset }, decoded }) =>
    decoded.kind === 'unreadable' ? [{ partition, offset, reason: decoded.reason }] : [],
  );
  const orderIds = notifications.map(({ orderId }) => orderId);
  const { inserted, told, duplicates } = await store.update(orderIds, (known) => {
    const decision = decideInbox(known, notifications);
    return {
      changes: { inserted: decision.inserted, released: decision.released, unreadable },
      answer: decision,
      beforeCommit() {
        signal?.throwIfAborted();
        for (const notification of decision.told) tell(notification, { isLate: false });
      },
    };
  });
  count('applied', told.length);
  for (const state of ['parked', 'dead'] as const) {
    count(state, inserted.filter((notification) => notification.state === state).length);
  }
  count('duplicate', duplicates);
}

/**
 * Returns the notification of an event in the state that decideInbox expects: parked when the event reports a status,
 * and dead when it cannot be read or is the marker of a skipped version. Returns none when the event does not name its
 * order and version.
 */
function toNotification({ logged: { partition, offset }, decoded }: Arrival): Notification[] {
  if (decoded.kind === 'unreadable') return [];
  const { kind, orderId, version, traceparent } = decoded;
  const identity = { orderId, version, traceparent, partition, offset };
  if (kind === 'changed') {
    const { status, moment } = decoded;
    return [{ ...identity, state: 'parked', status, moment, reason: undefined }];
  }
  const reason = kind === 'skipped' ? SKIPPED_REASON : decoded.reason;
  return [{ ...identity, state: 'dead', status: undefined, moment: undefined, reason }];
}

/**
 * Returns the dead letter of an event that cannot be read: the event itself, with further headers that say why it is
 * dead and where it lies in the log. Returns none for any other event.
 */
function toDeadLetter({ logged, decoded }: Arrival): NewEvent[] {
  if (decoded.kind === 'changed' || decoded.kind === 'skipped') return [];
  const headers = {
    ...logged.headers,
    [HEADERS.deadLetterReason]: decoded.reason,
    [HEADERS.deadLetterPartition]: String(logged.partition),
    [HEADERS.deadLetterOffset]: String(logged.offset),
  };
  return [{ topic: DEAD_LETTERS_TOPIC, key: logged.key, value: logged.value, headers }];
}
