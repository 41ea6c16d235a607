import { type Db, openDb } from '@tally/platform/postgres';
import { openTestDatabase } from '@tally/platform/testing';
import { ORDER_MOVEMENTS } from '@tally/proto/events';

/** A database of loms for one test file, with ways to fill it and to check it. */
export interface LomsDatabase extends AsyncDisposable {
  readonly url: string;
  readonly db: Db;
  /** Adds units to a sku, with the receipt in the ledger. */
  stock(sku: number, total: number, held?: number): Promise<void>;
  /** Moves tally_now() forward. */
  advance(ms: number): Promise<void>;
  /** Returns the contradictions between ledger, counters, orders and events. Empty when they agree. */
  disagreements(): Promise<unknown[]>;
}

export async function openLomsDatabase(): Promise<LomsDatabase> {
  const database = await openTestDatabase('loms');
  const db = openDb({ url: database.url, applicationName: 'test', maxConnections: 4 });
  return {
    url: database.url,
    db,
    async stock(sku, total, held = 0) {
      await db.query(
        `with movement as (
           insert into stock_movements (sku, kind, total_delta, reserved_delta, held_delta, moment)
           values ($1, 'receipt', $2, 0, $3, tally_now())
         )
         insert into stocks values ($1, $2, $3, 0)
         on conflict (sku) do update set total = stocks.total + excluded.total, held = stocks.held + excluded.held`,
        [sku, total, held],
      );
    },
    async advance(ms) {
      await db.query(`update tally_clock set shift = shift + $1::int * interval '1 ms'`, [ms]);
    },
    async disagreements() {
      const { rows } = await db.query(DISAGREEMENTS, []);
      return rows;
    },
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

const MOVEMENTS_BY_STATUS = Object.entries(ORDER_MOVEMENTS)
  .map(([status, kinds]) => `when '${status}' then '{${kinds.join()}}'::text[]`)
  .join(' ');

const DISAGREEMENTS = `
  select 'counters differ from the ledger' as what, sku as id
    from stocks s
    full join (select sku, sum(total_delta) as total, sum(reserved_delta) as reserved, sum(held_delta) as held
                 from stock_movements group by sku) m using (sku)
   where (s.total, s.reserved, s.held) is distinct from (m.total, m.reserved, m.held)
  union all
  select 'reserved differs from unpaid lines', s.sku
    from stocks s
   where s.reserved <> (select coalesce(sum(l.count), 0)
                          from order_lines l join orders o on o.id = l.order_id
                         where l.sku = s.sku and o.status = 'awaiting payment')
  union all
  select 'movements differ from lines and status', l.order_id
    from order_lines l join orders o on o.id = l.order_id
   where array(select m.kind::text from stock_movements m
                where m.order_id = l.order_id and m.sku = l.sku order by m.kind)
         is distinct from case o.status::text ${MOVEMENTS_BY_STATUS} end
  union all
  select 'events differ from the order', o.id
    from orders o
   where (select array_agg(e.version order by e.version) from order_events e where e.order_id = o.id)
         is distinct from array(select generate_series(1, o.version))
      or (select e.status from order_events e where e.order_id = o.id and e.version = o.version)
         is distinct from o.status
  union all
  select 'positions of an order do not ascend with its versions', e.order_id
    from order_events e
    join order_events later on later.order_id = e.order_id and later.version > e.version
   where later.position < e.position`;
