import { verify } from '../verify/verify.ts';
import type { Laboratory } from './laboratory.ts';
import type { Bought } from './shoppers.ts';

export interface Judgement {
  /** Descriptions of everything that is wrong; empty if every promise held. */
  readonly wrong: readonly string[];
  readonly events: number;
  /** Longest time from a change of an order to its notification. */
  readonly longestPauseMs: number;
}

const SETTLE_LIMIT_MS = 60_000;
const POLL_MS = 100;

/** Waits until every event is notified, then compares the orders with what the shoppers were told, and runs verify. */
export async function judge(lab: Laboratory, bought: Bought): Promise<Judgement> {
  const untilMs = Date.now() + SETTLE_LIMIT_MS;
  while (!(await isEverythingNotified(lab)) && Date.now() < untilMs) await Bun.sleep(POLL_MS);
  const report = await verify({ urls: lab.urls, full: true });
  const broken = report.invariants.filter(({ verdict }) => verdict === 'violated' || verdict === 'late');
  const { rows } = await lab.db.notifier.query(
    `select count(*)::int as events, coalesce(max(extract(epoch from told_at - moment)), 0)::float as seconds
       from notifications
      where order_id = any($1)`,
    [await ordersOf(lab, bought)],
  );
  return {
    wrong: [...(await compare(lab, bought)), ...broken.map(({ name, verdict }) => `${name} is ${verdict}`)],
    events: Number(rows[0].events),
    longestPauseMs: Number(rows[0].seconds) * 1000,
  };
}

export async function isEverythingNotified({ db }: Pick<Laboratory, 'db'>): Promise<boolean> {
  const { rows: happened } = await db.loms.query('select count(*)::int as n from order_events', []);
  const { rows: notified } = await db.notifier.query(
    `select count(*)::int as n from notifications where state = 'applied'`,
    [],
  );
  return happened[0].n === notified[0].n;
}

async function ordersOf({ db }: Laboratory, { users }: Bought): Promise<bigint[]> {
  const { rows } = await db.loms.query('select id from orders where user_id between $1 and $2', [...users]);
  return rows.map(({ id }) => id as bigint);
}

/** Checks that each shopper has one order, in the state that the shopper was told. */
async function compare({ db }: Laboratory, { users, paid, cancelled }: Bought): Promise<string[]> {
  const { rows } = await db.loms.query(
    `select count(*) filter (where status = 'payed')::int as paid,
            count(*) filter (where status = 'cancelled')::int as cancelled,
            count(*)::int as orders
       from orders
      where user_id between $1 and $2`,
    [...users],
  );
  const actual = rows[0] as { paid: number; cancelled: number; orders: number };
  const isRight = actual.paid === paid && actual.cancelled === cancelled && actual.orders === paid + cancelled;
  if (isRight) return [];
  return [`shoppers paid ${paid} and cancelled ${cancelled}; the database has ${JSON.stringify(actual)}`];
}
