import { openDb } from '@tally/platform/postgres';
import { EVENT_TYPES } from '@tally/proto/events';
import type { DatabaseName } from '@tally/sql/databases';

import type { DatabaseUrls } from '../databases.ts';
import { bind } from '../queries.ts';
import history from './history.sql' with { type: 'text' };

interface SeedOptions {
  readonly orders: number;
  /** The number of newest orders of which one in ten awaits payment. */
  readonly newest: number;
}

const REFUSAL = `jsonb_build_object('reason', 'INSUFFICIENT_STOCK', 'message', '',
                                    'values', jsonb_build_object('orderId', n::text))`;

/** The statements that fill each database. Each follows the text of history.sql, which defines what it selects from. */
const STATEMENTS: Readonly<Partial<Record<DatabaseName, readonly string[]>>> = {
  loms: [
    `insert into orders (id, user_id, status, cause, request_id, refusal, pay_before, version)
     select n, 1 + n % 1000, status::order_status,
            case status when 'failed' then 'shortage' when 'cancelled' then 'shopper' end::order_cause,
            md5('checkout ' || n)::uuid,
            case status when 'failed' then ${REFUSAL} end,
            moment + interval '10 minutes',
            case when status in ('payed', 'cancelled') then 3 else 2 end
       from made`,
    `insert into order_lines (order_id, sku, count, name, price)
     select n, sku, count, 'product ' || sku, 100 from line`,
    `insert into order_events (order_id, version, status, cause, moment, log_partition, log_offset)
     select n, version, status::order_status,
            case status when 'failed' then 'shortage' when 'cancelled' then 'shopper' end::order_cause,
            moment, partition, "offset"
       from event
      order by n, version`,
    `insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)
     select line.sku, line.n, movement.kind::movement_kind, movement.total * line.count,
            movement.reserved * line.count, 0, line.moment
       from line,
            lateral (values ('reserve', 0, 1),
                            (case line.status when 'payed' then 'ship' when 'cancelled' then 'release' end,
                             case line.status when 'payed' then -1 else 0 end,
                             -1))
              as movement (kind, total, reserved)
      where line.status <> 'failed' and movement.kind is not null
      order by line.n`,
    `insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)
     select sku, null, 'receipt', 1000 + (select 3 * count(*) from made), 0, sku % 7, now()
       from generate_series(1, 1000) as sku`,
    `insert into stocks (sku, total, held, reserved)
     select sku, sum(total_delta), sum(held_delta), sum(reserved_delta) from stock_movements group by sku`,
    `select setval('order_ids', (select max(n) from made))`,
  ],
  log: [
    `insert into records (topic, partition, "offset", key, value, headers, moment)
     select :order_events, partition, "offset", n::text,
            convert_to(format('{"order_id":%s,"status":"%s","moment":"%s"}', n, status,
                              to_char(moment at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), 'utf8'),
            jsonb_build_object('content-type', 'application/json', 'ce_specversion', '1.0',
                               'ce_id', n || '-' || version, 'ce_source', '/tally/loms',
                               'ce_type', '${EVENT_TYPES.statusChanged}',
                               'ce_time', moment, 'ce_sequence', version::text),
            moment
       from event
      order by partition, "offset"`,
    `insert into partitions (topic, partition, next_offset)
     select :order_events, partition, max("offset") + 1 from event group by partition`,
    `insert into group_partitions (group_name, topic, partition, next_offset)
     select :notifier_group, :order_events, partition, max("offset") + 1 from event group by partition`,
  ],
  notifier: [
    `insert into notifications
       (order_id, version, status, moment, state, received_at, told_at, log_partition, log_offset)
     select n, version, status, moment, 'applied', moment, moment, partition, "offset"
       from event
      order by n, version`,
  ],
  cart: [
    `insert into carts (user_id) select 1 + n from generate_series(0, 999) as n`,
    `insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until, closed_at, order_id, refusal)
     select md5('checkout ' || n)::uuid, 1 + n % 1000,
            case status when 'failed' then 'refused' else 'done' end::checkout_state,
            moment, moment + interval '1 minute', moment, moment, n,
            case status when 'failed' then ${REFUSAL} end
       from made`,
    `insert into checkout_lines (checkout_id, line_id, sku, count, name, price)
     select md5('checkout ' || n)::uuid, row_number() over (), sku, count, 'product ' || sku, 100 from line`,
  ],
};

/** Fills four empty databases with one made-up history, over which verify holds. It may be of any size. */
export async function seed(urls: DatabaseUrls, { orders, newest }: SeedOptions): Promise<void> {
  const values = { orders, newest, until: new Date() };
  for (const [name, statements] of Object.entries(STATEMENTS)) {
    await using db = openDb({
      url: urls[name as DatabaseName],
      applicationName: 'seed',
      maxConnections: 1,
      answerTimeoutMs: 3_600_000,
    });
    await db.transaction(async (tx) => {
      await tx.query('set local transaction_timeout = 0; set local statement_timeout = 0');
      for (const statement of statements) {
        const bound = bind(`${history}\n${statement}`, values);
        await tx.query(bound.text, bound.values);
      }
    });
    // Autovacuum would do this later. Without statistics, the queries would get bad plans until then.
    await db.query('set transaction_timeout = 0');
    await db.query('set statement_timeout = 0');
    await db.query('vacuum analyze');
  }
}
