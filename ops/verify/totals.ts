import cartFacts from './facts/cart.sql' with { type: 'text' };
import logFacts from './facts/log.sql' with { type: 'text' };
import lomsFacts from './facts/loms.sql' with { type: 'text' };
import notifierFacts from './facts/notifier.sql' with { type: 'text' };
import { readQueries } from './queries.ts';
import type { Snapshots } from './snapshots.ts';

/** How much there is of everything, whether or not verify looks at all of it. */
export interface Totals {
  readonly orders: number;
  readonly openOrders: number;
  readonly skus: number;
  readonly reservedUnits: number;
  readonly movements: number;
  readonly events: number;
  readonly unpublished: number;
  readonly records: number;
  readonly partitions: number;
  readonly notifications: number;
  readonly parked: number;
  readonly deadNotifications: number;
  /** Dead notifications and unreadable events. */
  readonly dead: number;
  readonly checkouts: number;
  readonly openCheckouts: number;
}

export async function readTotals({ loms, log, notifier, cart }: Snapshots): Promise<Totals> {
  const parts = await Promise.all(
    (
      [
        [loms, lomsFacts],
        [log, logFacts],
        [notifier, notifierFacts],
        [cart, cartFacts],
      ] as const
    ).map(([snapshot, facts]) => snapshot.rows(readQueries(facts)('totals'))),
  );
  const entries = parts.flatMap(([row]) => Object.entries(row as Record<string, bigint>));
  return Object.fromEntries(entries.map(([name, count]) => [name, Number(count)])) as unknown as Totals;
}
