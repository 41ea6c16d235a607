import { asAdmin, openDb } from '@tally/platform/postgres';
import { type TestDatabase, openTestDatabase } from '@tally/platform/testing';
import { DATABASE_NAMES, type DatabaseName } from '@tally/sql/databases';

import type { DatabaseUrls } from '../verify/databases.ts';
import { seed } from '../verify/seed/seed.ts';

/** Four databases that tell one consistent story, and copies of each to spoil. */
export interface Dataset extends AsyncDisposable {
  readonly urls: DatabaseUrls;
  run(name: DatabaseName, statements: string): Promise<void>;
  /** The same story with a copy of one database, in which these statements ran. */
  spoil(name: DatabaseName, statements: string): Promise<{ urls: DatabaseUrls } & AsyncDisposable>;
}

// As long ago as a deadline can have passed since, in databases whose clock is an hour behind.
const MOMENT = new Date(Date.now() - 2 * 3_600_000).toISOString();
const AT = `'${MOMENT}'::timestamptz`;

/** Orders 1 to 120 as the seed makes them, and on top of them what a living system shows now and then. */
const SPECIALS: Record<DatabaseName, string> = {
  loms: `
    -- An hour behind, so that nothing becomes late while tests run.
    update tally_clock set shift = '-1 hour';

    -- 900001: a bare failed order, which proves that an expired checkout can have no other. On its way to the log.
    insert into orders values
      (900001, 5, 'failed', 'checkout expired', '00000000-0000-4000-8000-000000900001',
       '{"reason": "CHECKOUT_EXPIRED", "message": "", "values": {"orderId": "900001"}}', now() + interval '10 minutes', 2);
    insert into order_events (order_id, version, status, cause, moment) values
      (900001, 1, 'new', null, now()), (900001, 2, 'failed', 'checkout expired', now());

    -- On their way, too. 900005: failed, and its checkout was closed by hand. Two that took the id of a checkout: 900006 of
    -- another user, 900007 for other lines.
    insert into orders values
      (900005, 2003, 'failed', 'checkout expired', '00000000-0000-4000-8000-000000002003',
       '{"reason": "CHECKOUT_EXPIRED", "message": "", "values": {"orderId": "900005"}}', now() + interval '10 minutes', 2),
      (900006, 9, 'failed', 'shortage', '00000000-0000-4000-8000-000000002002',
       '{"reason": "INSUFFICIENT_STOCK", "message": "", "values": {"orderId": "900006"}}', now() + interval '10 minutes', 2),
      (900007, 2004, 'failed', 'shortage', '00000000-0000-4000-8000-000000002004',
       '{"reason": "INSUFFICIENT_STOCK", "message": "", "values": {"orderId": "900007"}}', now() + interval '10 minutes', 2);
    insert into order_lines values (900006, 1, 5, 'product 1', 100), (900007, 1, 9, 'product 1', 100);
    insert into order_events (order_id, version, status, cause, moment) values
      (900005, 1, 'new', null, now()), (900005, 2, 'failed', 'checkout expired', now()),
      (900006, 1, 'new', null, now()), (900006, 2, 'failed', 'shortage', now()),
      (900007, 1, 'new', null, now()), (900007, 2, 'failed', 'shortage', now());

    -- 900002: asked for by somebody else than cart.
    insert into orders values
      (900002, 6, 'awaiting payment', null, '00000000-0000-4000-8000-000000900002', null, now() + interval '10 minutes', 2);
    insert into order_lines values (900002, 1, 5, 'product 1', 100);
    insert into stock_movements values (1, 900002, 'reserve', 0, 5, 0, now());
    update stocks set reserved = reserved + 5 where sku = 1;
    insert into order_events (order_id, version, status, moment, log_partition, log_offset) values
      (900002, 1, 'new', ${AT}, 7, 0), (900002, 2, 'awaiting payment', ${AT}, 7, 1);

    -- 900003: its first version lies in the dead letters, its second one was skipped. 900004: the notifier could not read its
    -- first version.
    insert into orders values
      (900003, 6, 'failed', 'shortage', '00000000-0000-4000-8000-000000900003',
       '{"reason": "INSUFFICIENT_STOCK", "message": "", "values": {"orderId": "900003"}}', now() + interval '10 minutes', 2),
      (900004, 6, 'failed', 'shortage', '00000000-0000-4000-8000-000000900004',
       '{"reason": "INSUFFICIENT_STOCK", "message": "", "values": {"orderId": "900004"}}', now() + interval '10 minutes', 2);
    insert into order_lines values (900003, 1, 5, 'product 1', 100), (900004, 1, 5, 'product 1', 100);
    insert into order_events (order_id, version, status, cause, moment, log_partition, log_offset, skipped) values
      (900003, 1, 'new', null, ${AT}, 7, 2, false), (900003, 2, 'failed', 'shortage', ${AT}, 7, 3, true),
      (900004, 1, 'new', null, ${AT}, 7, 4, false), (900004, 2, 'failed', 'shortage', ${AT}, 7, 6, false);
    insert into audit (action, subject, reason) values ('skip event', '900003-2', 'made up');

    -- Goods that came, and goods that were counted again.
    insert into stock_movements values (2000, null, 'receipt', 9, 0, 4, now()), (2000, null, 'adjust', -3, 0, 1, now());
    insert into stocks values (2000, 6, 5, 0);`,
  log: `
    insert into partitions values ('loms.order-events', 7, 8), ('loms.order-events', 8, 0), ('loms.order-events.dlq', 0, 2);
    insert into group_partitions (group_name, topic, partition, next_offset) values
      ('notifier', 'loms.order-events', 7, 7), ('notifier', 'loms.order-events', 8, 0);
    insert into records (topic, partition, "offset", key, value, headers, moment)
    select 'loms.order-events', 7, r."offset", r.key,
           case when r.status = '' then ''::bytea
                else convert_to(format('{"order_id":%s,"status":"%s","moment":"${MOMENT}"}', r.key, r.status), 'utf8')
           end,
           jsonb_build_object('ce_id', r.key || '-' || r.version, 'ce_sequence', r.version::text, 'ce_time', '${MOMENT}',
                              'ce_type',
                              case when r.status = '' then 'tally.order.version-skipped.v1'
                                   else 'tally.order.status-changed.v1' end),
           now() + interval '1 hour'
      from (values (0, '900002', 1, 'new'), (1, '900002', 2, 'awaiting payment'), (2, '900003', 1, 'new'), (3, '900003', 2, ''),
                   (4, '900004', 1, 'new'),
                   -- Again, by a relay that was killed before it could mark it.
                   (5, '900002', 2, 'awaiting payment'),
                   (6, '900004', 2, 'failed'),
                   -- Not yet read, and again.
                   (7, '900004', 2, 'failed')) as r ("offset", key, version, status);
    insert into records (topic, partition, "offset", key, value, headers)
    select 'loms.order-events.dlq', 0, dead.nth, r.key, r.value,
           r.headers || jsonb_build_object('dead_letter_reason', 'made up', 'dead_letter_partition', r.partition::text,
                                           'dead_letter_offset', r."offset"::text)
      from records r
      join (values (0, 2), (1, 4)) as dead (nth, "offset") on dead."offset" = r."offset"
     where r.partition = 7;`,
  notifier: `
    -- An hour behind, so that nothing becomes late while tests run.
    update tally_clock set shift = '-1 hour';
    insert into notifications
      (order_id, version, status, moment, state, received_at, told_at, log_partition, log_offset, reason)
    values (900002, 1, 'new', ${AT}, 'applied', now(), now(), 7, 0, null),
           (900002, 2, 'awaiting payment', ${AT}, 'applied', now(), now(), 7, 1, null),
           (900003, 1, null, null, 'dead', now(), null, 7, 2, 'made up'),
           (900003, 2, null, null, 'dead', now(), null, 7, 3, 'skipped by an operator'),
           (900004, 2, 'failed', ${AT}, 'parked', now(), null, 7, 6, null);
    insert into unreadable_events values (7, 4, now(), 'made up');`,
  cart: `
    -- An hour behind, so that nothing becomes late while tests run.
    update tally_clock set shift = '-1 hour';
    insert into carts values (2001), (2002), (2003), (2004);
    insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until, closed_at, order_id, refusal) values
      ('00000000-0000-4000-8000-000000900001', 5, 'refused', now(), now(), now(), now(), 900001, '{"reason": "CHECKOUT_EXPIRED"}'),
      ('00000000-0000-4000-8000-000000900003', 6, 'refused', now(), now(), now(), now(), 900003, '{"reason": "INSUFFICIENT_STOCK"}'),
      ('00000000-0000-4000-8000-000000900004', 6, 'refused', now(), now(), now(), now(), 900004, '{"reason": "INSUFFICIENT_STOCK"}'),
      -- Frozen a moment ago: loms has not heard of it.
      ('00000000-0000-4000-8000-000000002001', 2001, 'open', now(), now() + interval '1 minute', now(), null, null, null),
      -- Ended without loms' word.
      ('00000000-0000-4000-8000-000000002002', 2002, 'refused', now(), now(), now(), now(), null, '{"reason": "CHECKOUT_CONFLICT"}'),
      ('00000000-0000-4000-8000-000000002004', 2004, 'refused', now(), now(), now(), now(), null, '{"reason": "CHECKOUT_CONFLICT"}'),
      ('00000000-0000-4000-8000-000000002003', 2003, 'refused', now(), now(), now(), now(), null, '{"reason": "CHECKOUT_ABANDONED"}');
    insert into checkout_lines values
      ('00000000-0000-4000-8000-000000900001', 1, 1, 5, 'product 1', 100),
      ('00000000-0000-4000-8000-000000900003', 1, 1, 5, 'product 1', 100),
      ('00000000-0000-4000-8000-000000900004', 1, 1, 5, 'product 1', 100),
      ('00000000-0000-4000-8000-000000002001', 1, 1, 5, 'product 1', 100),
      ('00000000-0000-4000-8000-000000002002', 1, 1, 5, 'product 1', 100),
      ('00000000-0000-4000-8000-000000002003', 1, 1, 5, 'product 1', 100),
      ('00000000-0000-4000-8000-000000002004', 1, 1, 5, 'product 1', 100);`,
};

export async function openDataset(orders = 120): Promise<Dataset> {
  const opened = await Promise.all(DATABASE_NAMES.map(openTestDatabase));
  const of = (name: DatabaseName) => opened[DATABASE_NAMES.indexOf(name)] as TestDatabase;
  const urls = Object.fromEntries(DATABASE_NAMES.map((name) => [name, of(name).url])) as Record<DatabaseName, string>;
  await seed(urls, { orders, newest: 60 });
  await Promise.all(DATABASE_NAMES.map((name) => runOn(urls[name], SPECIALS[name])));
  let copies = 0;

  return {
    urls,
    run: (name, statements) => runOn(urls[name], statements),
    async spoil(name, statements) {
      copies += 1;
      const source = new URL(urls[name]).pathname.slice(1);
      const copy = `${source}_${copies}`;
      await asAdmin(of(name).adminUrl.replace(source, 'postgres'), (client) =>
        client.query(`create database ${copy} template ${source} owner tally`),
      );
      const url = Object.assign(new URL(urls[name]), { pathname: `/${copy}` }).href;
      await runOn(url, statements);
      return {
        urls: { ...urls, [name]: url },
        async [Symbol.asyncDispose]() {
          await asAdmin(of(name).adminUrl, (client) => client.query(`drop database ${copy} with (force)`));
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((database) => database[Symbol.asyncDispose]()));
    },
  };
}

async function runOn(url: string, statements: string): Promise<void> {
  await using db = openDb({ url, applicationName: 'test', maxConnections: 1 });
  await db.query(statements);
}
