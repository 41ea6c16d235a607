import { type EveryDeps, type Loop, startEvery } from '@tally/platform/concurrency';
import type { Lease } from '@tally/platform/postgres';
import type { Log } from '@tally/platform/telemetry';

import { type OrderEventMessage, toMessage } from './order-event.ts';
import type { Acknowledged, Outbox, OutboxRow } from './outbox.ts';

/** What the log says of one record: where it lies, or why it refuses this very record. */
export type Published = { readonly partition: number; readonly offset: bigint } | { readonly refused: string };

export interface RelayDeps extends EveryDeps {
  readonly outbox: Outbox;
  readonly lease: Lease;
  /** At least once, in the given order. Rejects when the log is away: then nothing is known of any record. */
  readonly publish: (messages: readonly OrderEventMessage[]) => Promise<readonly Published[]>;
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

/** One round: sends rows in their order, marks what was acknowledged, and sets aside what the log refuses. */
export async function relay({ outbox, publish, log }: RelayDeps, rows: readonly OutboxRow[]): Promise<void> {
  const results = await publish(rows.map(toMessage));
  const acknowledged: Acknowledged[] = [];
  const stopped = new Set<bigint>();
  for (const [i, row] of rows.entries()) {
    const result = results[i];
    // Behind a refused event of its order nothing counts: first occurrences must stay in order.
    if (result === undefined || stopped.has(row.orderId)) continue;
    if ('refused' in result) {
      stopped.add(row.orderId);
      const { orderId, version } = row;
      log.error({ orderId: String(orderId), version, reason: result.refused }, 'the log refused an event');
      await outbox.quarantine(row.position, result.refused);
    } else acknowledged.push({ position: row.position, ...result });
  }
  if (acknowledged.length > 0) await outbox.mark(acknowledged);
}
