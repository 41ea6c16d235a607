import type { EventLog, LoggedEvent, NewEvent } from '@tally/platform/events';

import { decideInbox } from './inbox.ts';
import { DEAD_LETTERS_TOPIC, type OrderEvent, type Poison, type Unreadable, readOrderEvent } from './order-event.ts';
import { DataError, type InboxChanges, type NewNotification, type Notification, type Store } from './store.ts';
import type { Tell } from './tell.ts';

export interface ConsumeDeps {
  readonly store: Store;
  readonly eventLog: Pick<EventLog, 'publish'>;
  readonly tell: Tell;
  /** Counted: what became of the events. */
  readonly count: (what: 'applied' | 'parked' | 'dead' | 'duplicate', events: number) => void;
}

const SKIPPED = 'skipped by an operator';

/**
 * Handles events of one partition, in order. It resolves when all of them are kept for good: applied, parked or dead.
 *
 * Poison goes to the dead letters, is acknowledged there, and only then kept as dead, so that none is lost between the
 * two. Everything else that fails is thrown: the log brings the events again. From the moment the signal aborts, nothing
 * more is told or kept: the partition may be somebody else's.
 */
export async function consume(
  deps: ConsumeDeps,
  events: readonly LoggedEvent[],
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const read = events.map(readOrderEvent);
  try {
    await keep(deps, read, signal);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    // One of them cannot be kept: one by one, its culprit shows.
    for (const event of read) await keepAlone(deps, event, signal);
  }
}

async function keepAlone(deps: ConsumeDeps, event: OrderEvent | Unreadable, signal?: AbortSignal): Promise<void> {
  try {
    await keep(deps, [event], signal);
  } catch (error) {
    if (!(error instanceof DataError) || event.kind === 'unreadable') throw error;
    await keep(deps, [{ ...event, kind: 'poison', reason: 'a value that the database refuses' }], signal);
  }
}

async function keep(
  deps: ConsumeDeps,
  read: readonly (OrderEvent | Unreadable)[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { store, eventLog, tell, count } = deps;
  signal?.throwIfAborted();
  const letters = read.flatMap((event) =>
    event.kind === 'poison' || event.kind === 'unreadable' ? [toDeadLetter(event)] : [],
  );
  if (letters.length > 0) await eventLog.publish(letters);

  const events = read.filter((event): event is OrderEvent => event.kind !== 'unreadable');
  const unreadable = read.filter((event): event is Unreadable => event.kind === 'unreadable');
  let counted = { applied: 0, parked: 0, dead: 0, duplicate: 0 };
  await store.update(
    events.map(({ orderId }) => orderId),
    (known) => {
      const decided = decide(known, events);
      counted = decided.counted;
      return {
        ...decided.changes,
        unreadable: unreadable.map(({ event: { partition, offset }, reason }) => ({ partition, offset, reason })),
        beforeCommit() {
          signal?.throwIfAborted();
          for (const notification of decided.told) tell(notification, { isLate: false });
        },
      };
    },
  );
  for (const what of ['applied', 'parked', 'dead', 'duplicate'] as const) count(what, counted[what]);
}

function decide(known: readonly Notification[], events: readonly OrderEvent[]) {
  const changes: Omit<InboxChanges, 'unreadable' | 'beforeCommit'> & {
    inserted: NewNotification[];
    released: Notification[];
  } = {
    inserted: [],
    released: [],
  };
  const told: Notification[] = [];
  const counted = { applied: 0, parked: 0, dead: 0, duplicate: 0 };
  const knownByOrder = Map.groupBy(known, ({ orderId }) => orderId);
  for (const [orderId, arrived] of Map.groupBy(events, (event) => event.orderId)) {
    const before = new Map(
      (knownByOrder.get(orderId) ?? []).map((notification) => [notification.version, notification]),
    );
    const {
      inserted,
      released,
      told: versions,
      duplicates,
    } = decideInbox(
      new Map([...before].map(([version, { state }]) => [version, state])),
      arrived.map(({ kind, version }) => ({ version, arrival: kind === 'changed' ? 'change' : 'dead' })),
    );
    // The first occurrence counts; a repeat in the same batch is a duplicate.
    const firsts = new Map(arrived.toReversed().map((event) => [event.version, event]));
    const fresh = new Map(
      [...inserted].map(([version, state]) => [version, toNotification(firsts.get(version) as OrderEvent, state)]),
    );
    changes.inserted.push(...fresh.values());
    for (const version of released) changes.released.push(before.get(version) as Notification);
    for (const version of versions) told.push((fresh.get(version) ?? before.get(version)) as Notification);
    counted.applied += versions.length;
    counted.duplicate += duplicates;
    for (const { state } of fresh.values()) if (state !== 'applied') counted[state] += 1;
  }
  return { changes, told, counted };
}

function toNotification(event: OrderEvent, state: Notification['state']): NewNotification {
  const { orderId, version, traceparent } = event;
  const { partition, offset } = event.event;
  return {
    orderId,
    version,
    state,
    status: event.kind === 'changed' ? event.status : undefined,
    moment: event.kind === 'changed' ? event.moment : undefined,
    traceparent,
    partition,
    offset,
    reason: event.kind === 'changed' ? undefined : event.kind === 'poison' ? event.reason : SKIPPED,
  };
}

/** The event as it came, with the reason and where it lay. */
function toDeadLetter({ event, reason }: Poison | Unreadable): NewEvent {
  const headers = {
    ...event.headers,
    dead_letter_reason: reason,
    dead_letter_partition: String(event.partition),
    dead_letter_offset: String(event.offset),
  };
  return { topic: DEAD_LETTERS_TOPIC, key: event.key, value: event.value, headers };
}
