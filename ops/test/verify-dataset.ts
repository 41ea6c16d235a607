import { asAdmin, openDb } from '@tally/platform/postgres';
import { type TestDatabase, openTestDatabase } from '@tally/platform/testing';
import {
  CONSUMER_GROUPS,
  DEAD_LETTERS_TOPIC,
  EVENT_TYPES,
  ORDER_EVENTS_TOPIC,
  SKIPPED_REASON,
} from '@tally/proto/events';
import { type DatabaseName, DATABASE_NAMES, forEachDatabase } from '@tally/sql/databases';

import type { DatabaseUrls } from '../verify/databases.ts';
import { seed } from '../verify/seed/seed.ts';

/** Four databases over which verify holds. A test can spoil a copy of one of them. */
export interface Dataset extends AsyncDisposable {
  readonly urls: DatabaseUrls;
  /** Copies one database, runs the statements in the copy, and returns the URLs with the copy in its place. */
  spoil(name: DatabaseName, statements: string): Promise<{ urls: DatabaseUrls } & AsyncDisposable>;
}

/** An order that the seed makes. Its fields must agree with what the seed computes, which verify.test.ts checks. */
export interface SeededOrder {
  readonly id: number;
  readonly status: string;
  /** The sku of its first line. */
  readonly sku: number;
  /** The partition of its events, and their offsets by version. */
  readonly partition: number;
  readonly offsets: readonly number[];
}

export const FAILED: SeededOrder = { id: 10, status: 'failed', sku: 71, partition: 4, offsets: [3, 4] };
export const PAYED: SeededOrder = { id: 11, status: 'payed', sku: 78, partition: 5, offsets: [3, 4, 5] };
export const OTHER_PAYED: SeededOrder = { id: 12, status: 'payed', sku: 85, partition: 0, offsets: [3, 4, 5] };
export const CANCELLED: SeededOrder = { id: 17, status: 'cancelled', sku: 120, partition: 5, offsets: [6, 7, 8] };
export const AWAITING: SeededOrder = {
  id: 119,
  status: 'awaiting payment',
  sku: 834,
  partition: 5,
  offsets: [56, 57],
};
export const SEEDED: readonly SeededOrder[] = [FAILED, PAYED, OTHER_PAYED, CANCELLED, AWAITING];

/** The id of the checkout from which the seed makes an order. */
export function checkoutIdOf({ id }: SeededOrder): string {
  const md5 = new Bun.CryptoHasher('md5').update(`checkout ${id}`).digest('hex');
  return md5.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

// Orders of kinds that are rare and that the seed does not make. Their published events lie in partition 7.

/** Failed because its checkout expired, without lines. Its events wait for the log. */
export const ON_ITS_WAY = { id: 900001, user: 5 };
/** Awaits payment. A client other than cart asked for it. */
export const WITHOUT_CHECKOUT = { id: 900002, user: 6 };
/** Its first version is a dead letter, and an operator skipped its second one. */
export const DEAD_ORDER = { id: 900003, user: 6 };
/** The notifier could not read its first version, so its second one is parked. */
export const PARKED_ORDER = { id: 900004, user: 6 };
/** Failed after an operator had closed its checkout by hand. */
const ABANDONED = { id: 900005, user: 2003 };
/** Made by another user with the id of a checkout of user 2002. */
const WITH_FOREIGN_ID = { id: 900006, user: 9 };
/** Made for other lines with the id of a checkout of user 2004. */
const WITH_OTHER_LINES = { id: 900007, user: 2004 };

const uuid = (value: number) => `00000000-0000-4000-8000-${String(value).padStart(12, '0')}`;
const ABANDONED_CHECKOUT = uuid(2003);
const USED_IDS = [uuid(2002), uuid(2004)] as const;
/** An open checkout for which loms has not been called yet. */
export const OPEN_CHECKOUT = uuid(2001);

// Two hours ago: records of that age may be pruned. The clocks of the databases are an hour behind, so that nothing
// becomes late while the tests run.
const MOMENT = new Date(Date.now() - 2 * 3_600_000).toISOString();
const AT = `'${MOMENT}'::timestamptz`;
const DELAY_CLOCK = `update tally_clock set shift = '-1 hour';`;

const refusal = (reason: string, orderId?: number) =>
  orderId === undefined
    ? `'{"reason": "${reason}"}'`
    : `'{"reason": "${reason}", "message": "", "values": {"orderId": "${orderId}"}}'`;

interface Special {
  readonly id: number;
  readonly user: number;
}

/** A row of orders for an order that failed. */
function failedOrder({ id, user }: Special, requestId: string, cause: 'shortage' | 'checkout expired'): string {
  const reason = cause === 'shortage' ? 'INSUFFICIENT_STOCK' : 'CHECKOUT_EXPIRED';
  return `(${id}, ${user}, 'failed', '${cause}', '${requestId}', ${refusal(reason, id)},
           now() + interval '10 minutes', 2)`;
}

const line = ({ id }: Special, count: number) => `(${id}, 1, ${count}, 'product 1', 100)`;

/** Rows of order_events for an order that failed and whose events wait for the log. */
const unpublishedEvents = ({ id }: Special, cause: string) =>
  `(${id}, 1, 'new', null, now()), (${id}, 2, 'failed', '${cause}', now())`;

const LOMS = `
  ${DELAY_CLOCK}

  insert into orders values
    ${failedOrder(ON_ITS_WAY, uuid(ON_ITS_WAY.id), 'checkout expired')},
    ${failedOrder(ABANDONED, ABANDONED_CHECKOUT, 'checkout expired')},
    ${failedOrder(WITH_FOREIGN_ID, USED_IDS[0], 'shortage')},
    ${failedOrder(WITH_OTHER_LINES, USED_IDS[1], 'shortage')},
    ${failedOrder(DEAD_ORDER, uuid(DEAD_ORDER.id), 'shortage')},
    ${failedOrder(PARKED_ORDER, uuid(PARKED_ORDER.id), 'shortage')},
    (${WITHOUT_CHECKOUT.id}, ${WITHOUT_CHECKOUT.user}, 'awaiting payment', null, '${uuid(WITHOUT_CHECKOUT.id)}', null,
     now() + interval '10 minutes', 2);
  insert into order_lines values
    ${line(WITH_FOREIGN_ID, 5)}, ${line(WITH_OTHER_LINES, 9)}, ${line(WITHOUT_CHECKOUT, 5)}, ${line(DEAD_ORDER, 5)},
    ${line(PARKED_ORDER, 5)};
  insert into stock_movements values (1, ${WITHOUT_CHECKOUT.id}, 'reserve', 0, 5, 0, now());
  update stocks set reserved = reserved + 5 where sku = 1;

  insert into order_events (order_id, version, status, cause, moment) values
    ${unpublishedEvents(ON_ITS_WAY, 'checkout expired')},
    ${unpublishedEvents(ABANDONED, 'checkout expired')},
    ${unpublishedEvents(WITH_FOREIGN_ID, 'shortage')},
    ${unpublishedEvents(WITH_OTHER_LINES, 'shortage')};
  insert into order_events (order_id, version, status, cause, moment, log_partition, log_offset, skipped) values
    (${WITHOUT_CHECKOUT.id}, 1, 'new', null, ${AT}, 7, 0, false),
    (${WITHOUT_CHECKOUT.id}, 2, 'awaiting payment', null, ${AT}, 7, 1, false),
    (${DEAD_ORDER.id}, 1, 'new', null, ${AT}, 7, 2, false),
    (${DEAD_ORDER.id}, 2, 'failed', 'shortage', ${AT}, 7, 3, true),
    (${PARKED_ORDER.id}, 1, 'new', null, ${AT}, 7, 4, false),
    (${PARKED_ORDER.id}, 2, 'failed', 'shortage', ${AT}, 7, 6, false);
  insert into audit (action, subject, reason) values ('skip event', '${DEAD_ORDER.id}-2', 'made up');

  -- A sku that was received and then counted again.
  insert into stock_movements values (2000, null, 'receipt', 9, 0, 4, now()), (2000, null, 'adjust', -3, 0, 1, now());
  insert into stocks values (2000, 6, 5, 0);`;

const LOG = `
  insert into partitions values
    ('${ORDER_EVENTS_TOPIC}', 7, 8), ('${ORDER_EVENTS_TOPIC}', 8, 0), ('${DEAD_LETTERS_TOPIC}', 0, 2);
  insert into group_partitions (group_name, topic, partition, next_offset) values
    ('${CONSUMER_GROUPS.notifier}', '${ORDER_EVENTS_TOPIC}', 7, 7),
    ('${CONSUMER_GROUPS.notifier}', '${ORDER_EVENTS_TOPIC}', 8, 0);
  insert into records (topic, partition, "offset", key, value, headers, moment)
  select '${ORDER_EVENTS_TOPIC}', 7, r."offset", r.key,
         case when r.status is null
              then ''::bytea
              else convert_to(format('{"order_id":%s,"status":"%s","moment":"${MOMENT}"}', r.key, r.status), 'utf8')
         end,
         jsonb_build_object('ce_id', r.key || '-' || r.version, 'ce_sequence', r.version::text, 'ce_time', '${MOMENT}',
                            'ce_type', case when r.status is null then '${EVENT_TYPES.versionSkipped}'
                                            else '${EVENT_TYPES.statusChanged}' end),
         now() + interval '1 hour'
    from (values (0, '${WITHOUT_CHECKOUT.id}', 1, 'new'),
                 (1, '${WITHOUT_CHECKOUT.id}', 2, 'awaiting payment'),
                 (2, '${DEAD_ORDER.id}', 1, 'new'),
                 (3, '${DEAD_ORDER.id}', 2, null),
                 (4, '${PARKED_ORDER.id}', 1, 'new'),
                 -- Sent again by a relay that died before it marked the event as published.
                 (5, '${WITHOUT_CHECKOUT.id}', 2, 'awaiting payment'),
                 (6, '${PARKED_ORDER.id}', 2, 'failed'),
                 -- Sent again, and not read yet.
                 (7, '${PARKED_ORDER.id}', 2, 'failed')) as r ("offset", key, version, status);
  insert into records (topic, partition, "offset", key, value, headers)
  select '${DEAD_LETTERS_TOPIC}', 0, dead.letter, r.key, r.value,
         r.headers || jsonb_build_object('dead_letter_reason', 'made up', 'dead_letter_partition', r.partition::text,
                                         'dead_letter_offset', r."offset"::text)
    from records r
    join (values (0, 2), (1, 4)) as dead (letter, "offset") on dead."offset" = r."offset"
   where r.partition = 7;`;

const NOTIFIER = `
  ${DELAY_CLOCK}
  insert into notifications
    (order_id, version, status, moment, state, received_at, told_at, log_partition, log_offset, reason)
  values (${WITHOUT_CHECKOUT.id}, 1, 'new', ${AT}, 'applied', now(), now(), 7, 0, null),
         (${WITHOUT_CHECKOUT.id}, 2, 'awaiting payment', ${AT}, 'applied', now(), now(), 7, 1, null),
         (${DEAD_ORDER.id}, 1, null, null, 'dead', now(), null, 7, 2, 'made up'),
         (${DEAD_ORDER.id}, 2, null, null, 'dead', now(), null, 7, 3, '${SKIPPED_REASON}'),
         (${PARKED_ORDER.id}, 2, 'failed', ${AT}, 'parked', now(), null, 7, 6, null);
  insert into unreadable_events values (7, 4, now(), 'made up');`;

/** A row of checkouts that was refused. */
const refusedCheckout = (id: string, user: number, reason: string, orderId?: number) =>
  `('${id}', ${user}, 'refused', now(), now(), now(), now(), ${orderId ?? null}, ${refusal(reason)})`;

const CART = `
  ${DELAY_CLOCK}
  insert into carts values (2001), (2002), (2003), (2004);
  insert into checkouts
    (id, user_id, state, frozen_at, decide_before, claimed_until, closed_at, order_id, refusal)
  values
    ${refusedCheckout(uuid(ON_ITS_WAY.id), ON_ITS_WAY.user, 'CHECKOUT_EXPIRED', ON_ITS_WAY.id)},
    ${refusedCheckout(uuid(DEAD_ORDER.id), DEAD_ORDER.user, 'INSUFFICIENT_STOCK', DEAD_ORDER.id)},
    ${refusedCheckout(uuid(PARKED_ORDER.id), PARKED_ORDER.user, 'INSUFFICIENT_STOCK', PARKED_ORDER.id)},
    ${refusedCheckout(USED_IDS[0], 2002, 'CHECKOUT_CONFLICT')},
    ${refusedCheckout(USED_IDS[1], 2004, 'CHECKOUT_CONFLICT')},
    ${refusedCheckout(ABANDONED_CHECKOUT, 2003, 'CHECKOUT_ABANDONED')},
    ('${OPEN_CHECKOUT}', 2001, 'open', now(), now() + interval '1 minute', now(), null, null, null);
  insert into checkout_lines select id, 1, 1, 5, 'product 1', 100 from checkouts where id::text like '00000000-%';`;

const SPECIALS: Partial<Record<DatabaseName, string>> = { loms: LOMS, log: LOG, notifier: NOTIFIER, cart: CART };

/** Opens databases with the given number of seeded orders and the special ones. */
export async function openDataset(orders = 120): Promise<Dataset> {
  const opened = await Promise.all(DATABASE_NAMES.map(openTestDatabase));
  const databases = forEachDatabase((name) => opened[DATABASE_NAMES.indexOf(name)] as TestDatabase);
  const urls = forEachDatabase((name) => databases[name].url);
  await seed(urls, { orders, newest: 60 });
  await Promise.all(DATABASE_NAMES.map((name) => run(urls[name], SPECIALS[name] ?? '')));
  let copies = 0;

  return {
    urls,
    async spoil(name, statements) {
      copies += 1;
      const { adminUrl } = databases[name];
      const source = new URL(urls[name]).pathname.slice(1);
      const copy = `${source}_${copies}`;
      await asAdmin(adminUrl.replace(source, 'postgres'), (client) =>
        client.query(`create database ${copy} template ${source} owner tally`),
      );
      const url = Object.assign(new URL(urls[name]), { pathname: `/${copy}` }).href;
      await run(url, statements);
      return {
        urls: { ...urls, [name]: url },
        async [Symbol.asyncDispose]() {
          await asAdmin(adminUrl, (client) => client.query(`drop database ${copy} with (force)`));
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((database) => database[Symbol.asyncDispose]()));
    },
  };
}

async function run(url: string, statements: string): Promise<void> {
  await using db = openDb({ url, applicationName: 'test', maxConnections: 1 });
  await db.query(statements);
}
