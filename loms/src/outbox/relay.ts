import { type EveryDeps, type Loop, startEvery } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { type EventLog, type Position, RecordRefusedError } from '@tally/platform/events';
import type { Lease } from '@tally/platform/postgres';
import type { Log } from '@tally/platform/telemetry';
import { encodeOrderEvent } from '@tally/proto/events';

import type { Outbox, OutboxRow } from './outbox.ts';

export interface RelayDeps extends EveryDeps {
  readonly outbox: Outbox;
  readonly lease: Lease;
  readonly eventLog: Pick<EventLog, 'publish'>;
  readonly log: Log;
}

export interface RelayLimits {
  /** How often it looks when nothing woke it. */
  readonly intervalMs: number;
  /** Shortest pause between two rounds, in which events gather. */
  readonly minPauseMs: number;
  /** Events of one round. */
  readonly maxEvents: number;
}

/**
 * Sends what order_events holds to the log, one active relay a database.
 *
 * It never remembers a position: a round takes what is unmarked, in order. Killed between sending and marking, it sends
 * again, with the same ids. Paused and overtaken, it may repeat events; what it marks is true all the same.
 */
export function startRelay(deps: RelayDeps, { intervalMs, minPauseMs, maxEvents }: RelayLimits): Loop {
  return startEvery(deps, { intervalMs, minPauseMs }, async () => {
    if (!(await deps.lease.hold())) return false;
    const rows = await deps.outbox.unpublished(maxEvents);
    if (rows.length > 0) await relay(deps, rows);
    return rows.length === maxEvents;
  });
}

/**
 * One round: sends the rows as one batch and marks what the log acknowledged.
 *
 * A batch that the log refuses for a record's own fault is sent row by row, in which an order stops at its first row that
 * is not acknowledged: behind it nothing may overtake. A log that is away fails the round, and sets nothing aside.
 */
export async function relay(deps: Omit<RelayDeps, 'lease'>, rows: readonly OutboxRow[]): Promise<void> {
  const { outbox, eventLog } = deps;
  try {
    const positions = await eventLog.publish(rows.map(encodeOrderEvent));
    await outbox.mark(rows.map(({ position }, i) => ({ position, ...(positions[i] as Position) })));
  } catch (error) {
    if (!isRecordsFault(error)) throw error;
    await relayOneByOne(deps, rows);
  }
}

const isRecordsFault = (error: unknown) =>
  error instanceof RecordRefusedError || (error instanceof AppError && error.kind === 'invalid-argument');

async function relayOneByOne(
  { outbox, eventLog, log }: Omit<RelayDeps, 'lease'>,
  rows: readonly OutboxRow[],
): Promise<void> {
  const stopped = new Set<bigint>();
  for (const row of rows) {
    if (stopped.has(row.orderId)) continue;
    try {
      const [position] = await eventLog.publish([encodeOrderEvent(row)]);
      await outbox.mark([{ position: row.position, ...(position as Position) }]);
    } catch (error) {
      // Only what the log says of a record that was sent alone is that record's fault.
      if (!(error instanceof RecordRefusedError)) throw error;
      stopped.add(row.orderId);
      log.error(
        { orderId: String(row.orderId), version: row.version, error },
        'the log refused an event: see just outbox',
      );
      await outbox.quarantine(row.position, error.message);
    }
  }
}
