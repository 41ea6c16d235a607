import { type EveryDeps, type Loop, startEvery } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { type EventLog, RecordRefusedError } from '@tally/platform/events';
import type { Lease } from '@tally/platform/postgres';
import type { Log } from '@tally/platform/telemetry';
import { encodeOrderEvent } from '@tally/proto/events';

import type { Outbox, OutboxRow } from './outbox.ts';

interface SendDeps {
  readonly outbox: Outbox;
  readonly eventLog: Pick<EventLog, 'publish'>;
  readonly log: Log;
}

interface RelayDeps extends SendDeps, EveryDeps {
  readonly lease: Lease;
}

interface RelayLimits {
  /** Milliseconds between two rounds when nothing wakes the relay. */
  readonly intervalMs: number;
  /** Shortest pause between two rounds. Events gather in it, and one round sends them all. */
  readonly minPauseMs: number;
  /** Maximum number of events in one round. */
  readonly maxEvents: number;
}

/**
 * Starts the relay, which sends the unpublished events to the log and marks them as published. When several relays run
 * on one database, only the one that holds the lease is active. Disposing it releases the lease, so that the next one
 * takes over at once.
 *
 * The relay remembers no position: each round reads the unpublished events again. When a relay is killed between
 * sending and marking, the next one sends the same events with the same ids. A relay that was paused while another took
 * over may send events a second time. The log then holds such an event twice, and the mark keeps the place that was
 * written first.
 */
export function startRelay(deps: RelayDeps, { intervalMs, minPauseMs, maxEvents }: RelayLimits): Loop {
  const { lease, outbox, onError } = deps;
  let hasLease = false;
  const rounds = startEvery(deps, { intervalMs, minPauseMs }, async () => {
    hasLease = await lease.hold();
    if (!hasLease) return false;
    const rows = await outbox.findUnpublished(maxEvents);
    if (rows.length > 0) await sendEvents(deps, rows);
    return rows.length === maxEvents;
  });
  return {
    wake: rounds.wake,
    async [Symbol.asyncDispose]() {
      await rounds[Symbol.asyncDispose]();
      // A lease that cannot be released runs out by itself.
      if (hasLease) await lease.release().catch(onError);
    },
  };
}

/**
 * Sends the events in one batch, and marks each as published, with its place in the log.
 *
 * When the log refuses the batch because of a record in it, the events are sent one by one. An event that is refused
 * alone is quarantined, and the later events of its order wait. Any other failure, such as a log that is away, fails
 * the round and quarantines no event.
 */
export async function sendEvents(deps: SendDeps, rows: readonly OutboxRow[]): Promise<void> {
  try {
    await publish(deps, rows);
  } catch (error) {
    if (!isRefusedRecord(error)) throw error;
    await sendOneByOne(deps, rows);
  }
}

async function publish({ outbox, eventLog }: SendDeps, rows: readonly OutboxRow[]): Promise<void> {
  const places = await eventLog.publish(rows.map(encodeOrderEvent));
  await outbox.markPublished(
    rows.map(({ position }, i) => {
      const place = places[i];
      if (place === undefined) throw new Error(`the log acknowledged ${places.length} of ${rows.length} events`);
      return { position, ...place };
    }),
  );
}

const isRefusedRecord = (error: unknown) =>
  error instanceof RecordRefusedError || (error instanceof AppError && error.kind === 'invalid-argument');

async function sendOneByOne(deps: SendDeps, rows: readonly OutboxRow[]): Promise<void> {
  const stoppedOrders = new Set<bigint>();
  for (const row of rows) {
    if (stoppedOrders.has(row.orderId)) continue;
    try {
      await publish(deps, [row]);
    } catch (error) {
      // Only a refusal of a record that was sent alone proves that this record is at fault.
      if (!(error instanceof RecordRefusedError)) throw error;
      stoppedOrders.add(row.orderId);
      deps.log.error(
        { orderId: String(row.orderId), version: row.version, error },
        'the log refused an event, so its order waits: see just outbox',
      );
      await deps.outbox.quarantine(row.position, error.message);
    }
  }
}
