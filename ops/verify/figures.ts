import cartFigures from './figures/cart.sql' with { type: 'text' };
import logFigures from './figures/log.sql' with { type: 'text' };
import lomsFigures from './figures/loms.sql' with { type: 'text' };
import notifierFigures from './figures/notifier.sql' with { type: 'text' };
import type { Snapshots } from './snapshots.ts';

/** What there is, by the snapshots. */
export interface Totals {
  readonly orders: number;
  readonly awaitingPayment: number;
  readonly payed: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly skus: number;
  readonly reservedUnits: number;
  readonly movements: number;
  readonly events: number;
  readonly unpublished: number;
  readonly records: number;
  readonly partitions: number;
  readonly notifications: number;
  readonly parked: number;
  readonly dead: number;
  readonly checkouts: number;
  readonly openCheckouts: number;
  readonly doneCheckouts: number;
  readonly refusedCheckouts: number;
}

export async function readTotals({ loms, log, notifier, cart }: Snapshots): Promise<Totals> {
  const parts = await Promise.all([
    loms.rows(lomsFigures),
    log.rows(logFigures),
    notifier.rows(notifierFigures),
    cart.rows(cartFigures),
  ]);
  const entries = parts.flatMap(([row]) => Object.entries(row as Record<string, bigint>));
  return Object.fromEntries(entries.map(([name, count]) => [name, Number(count)])) as unknown as Totals;
}
