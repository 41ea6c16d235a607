import { randomUUID } from 'node:crypto';

import { type Db, type Transaction, openDb } from '@tally/platform/postgres';
import { DATABASE_NAMES, type DatabaseName } from '@tally/sql/databases';

import type { DatabaseUrls } from '../verify/databases.ts';

/**
 * The whole system in its barest form: shoppers, a relay and a reader that write what cart, loms, the log and the notifier
 * write, in the same order and in the same transactions, statement by statement. It runs until it is disposed.
 */
export interface Writers extends AsyncDisposable {
  readonly orders: number;
}

const TOPIC = 'loms.order-events';
const DEAD_LETTERS_TOPIC = 'loms.order-events.dlq';
const SKUS = 5;
const MAX_WAITING_EVENTS = 4;

export function startWriters(urls: DatabaseUrls, shoppers: number): Writers {
  const open = (name: DatabaseName) =>
    openDb({ url: urls[name], applicationName: 'writers', maxConnections: shoppers + 1 });
  const dbs = Object.fromEntries(DATABASE_NAMES.map((name) => [name, open(name)])) as Record<DatabaseName, Db>;
  const ending = new AbortController();
  let orders = 0;
  let waiting = 0;

  const loop = async (work: () => Promise<void>) => {
    while (!ending.signal.aborted) await work();
  };
  const running = [
    ...Array.from({ length: shoppers }, (_, i) =>
      loop(async () => {
        // What is read at once is read while it is fresh: a long queue would hide an order of reading that is wrong.
        if (waiting > MAX_WAITING_EVENTS) return Bun.sleep(1);
        await shop(dbs, BigInt(10_000 + i));
        orders += 1;
      }),
    ),
    loop(async () => {
      waiting = await relay(dbs);
    }),
    loop(() => read(dbs)),
  ];
  return {
    get orders() {
      return orders;
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      await Promise.all(running);
      await Promise.all(Object.values(dbs).map((db) => db[Symbol.asyncDispose]()));
    },
  };
}

async function shop({ cart, loms }: Record<DatabaseName, Db>, userId: bigint): Promise<void> {
  const id = randomUUID();
  const sku = 1 + Math.floor(Math.random() * SKUS);
  await cart.transaction(async (tx) => {
    await tx.query('insert into carts values ($1) on conflict do nothing', [userId]);
    await tx.query(
      `insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until)
       values ($1, $2, 'open', now(), now() + interval '1 minute', now())`,
      [id, userId],
    );
    await tx.query(`insert into checkout_lines values ($1, 1, $2, 2, 'a', 1)`, [id, sku]);
  });
  const { orderId, isShort } = await loms.transaction((tx) => create(tx, id, userId, sku));
  await cart.query(`update checkouts set state = $2, closed_at = now(), order_id = $3, refusal = $4 where id = $1`, [
    id,
    isShort ? 'refused' : 'done',
    orderId,
    isShort ? '{"reason": "INSUFFICIENT_STOCK"}' : null,
  ]);
  if (!isShort) await loms.transaction((tx) => finish(tx, orderId, sku, Math.random() < 0.5));
}

async function create(tx: Transaction, id: string, userId: bigint, sku: number) {
  const {
    rows: [stock],
  } = await tx.query('select total - held - reserved as left from stocks where sku = $1 for no key update', [sku]);
  const isShort = stock.left < 2n || Math.random() < 0.1;
  const status = isShort ? 'failed' : 'awaiting payment';
  const {
    rows: [order],
  } = await tx.query(
    `insert into orders
     select id, $1, $2::order_status, $3::order_cause, $4,
            case when $2::order_status = 'failed'
                 then jsonb_build_object('reason', 'INSUFFICIENT_STOCK', 'values', jsonb_build_object('orderId', id::text))
            end,
            now() + interval '10 minutes', 2
       from nextval('order_ids') as id
     returning id`,
    [userId, status, isShort ? 'shortage' : null, id],
  );
  await tx.query(`insert into order_lines values ($1, $2, 2, 'a', 1)`, [order.id, sku]);
  await addEvent(tx, order.id, 1, 'new', null);
  if (!isShort) await move(tx, order.id, sku, 'reserve', 0, 2);
  await addEvent(tx, order.id, 2, status, isShort ? 'shortage' : null);
  return { orderId: order.id as bigint, isShort };
}

async function finish(tx: Transaction, orderId: bigint, sku: number, isPayed: boolean): Promise<void> {
  await tx.query('select from orders where id = $1 for no key update', [orderId]);
  await tx.query('select from stocks where sku = $1 for no key update', [sku]);
  await tx.query('update orders set status = $2, cause = $3, version = 3 where id = $1', [
    orderId,
    isPayed ? 'payed' : 'cancelled',
    isPayed ? null : 'shopper',
  ]);
  await move(tx, orderId, sku, isPayed ? 'ship' : 'release', isPayed ? -2 : 0, -2);
  await addEvent(tx, orderId, 3, isPayed ? 'payed' : 'cancelled', isPayed ? null : 'shopper');
}

async function move(tx: Transaction, orderId: bigint, sku: number, kind: string, total: number, reserved: number) {
  await tx.query('update stocks set total = total + $2, reserved = reserved + $3 where sku = $1', [
    sku,
    total,
    reserved,
  ]);
  await tx.query('insert into stock_movements values ($1, $2, $3, $4, $5, 0, now())', [
    sku,
    orderId,
    kind,
    total,
    reserved,
  ]);
}

async function addEvent(tx: Transaction, orderId: bigint, version: number, status: string, cause: string | null) {
  await tx.query('insert into order_events (order_id, version, status, cause, moment) values ($1, $2, $3, $4, now())', [
    orderId,
    version,
    status,
    cause,
  ]);
}

/** Returns how many events were waiting. */
async function relay({ loms, log }: Record<DatabaseName, Db>): Promise<number> {
  const { rows } = await loms.query(
    'select position, order_id, version, status, moment from order_events where log_offset is null order by position limit 20',
  );
  for (const { position, order_id: orderId, version, status, moment } of rows) {
    const partition = Number(orderId % 3n);
    const value = Buffer.from(`{"order_id":${orderId},"status":"${status}","moment":"${moment.toISOString()}"}`);
    const offset = await append(log, TOPIC, partition, String(orderId), value, {
      ce_id: `${orderId}-${version}`,
      ce_sequence: String(version),
      ce_type: 'tally.order.status-changed.v1',
      ce_time: moment.toISOString(),
    });
    // One in ten is sent again, as by a relay that died before it marked.
    if (Math.random() < 0.1) return rows.length;
    await loms.query('update order_events set log_partition = $2, log_offset = $3 where position = $1', [
      position,
      partition,
      offset,
    ]);
  }
  return rows.length;
}

/** Returns the record's offset. */
async function append(
  log: Db,
  topic: string,
  partition: number,
  key: string,
  value: Buffer,
  headers: Readonly<Record<string, string>>,
): Promise<bigint> {
  return log.transaction(async (tx) => {
    const {
      rows: [raised],
    } = await tx.query(
      'update partitions set next_offset = next_offset + 1 where topic = $1 and partition = $2 returning next_offset - 1 as at',
      [topic, partition],
    );
    await tx.query(
      `insert into records (topic, partition, "offset", key, value, headers) values ($1, $2, $3, $4, $5, $6)`,
      [topic, partition, raised.at, key, value, JSON.stringify(headers)],
    );
    return raised.at as bigint;
  });
}

async function read({ log, notifier }: Record<DatabaseName, Db>): Promise<void> {
  for (const partition of [0, 1, 2]) {
    const { rows } = await log.query(
      `select r."offset", r.key, r.value, r.headers
         from group_partitions g
         join records r on r.topic = g.topic and r.partition = g.partition and r."offset" >= g.next_offset
        where g.topic = $1 and g.partition = $2
        order by r."offset"
        limit 20`,
      [TOPIC, partition],
    );
    for (const { offset, key, value, headers } of rows) {
      const { status, moment } = JSON.parse(value.toString()) as { status: string; moment: string };
      if (Math.random() < 0.05) {
        // Given up, once its dead letter is in the log.
        const letter = { ...headers, dead_letter_partition: String(partition), dead_letter_offset: String(offset) };
        await append(log, DEAD_LETTERS_TOPIC, 0, key, value, letter);
        await notifier.query(
          `insert into notifications (order_id, version, state, received_at, log_partition, log_offset, reason)
           values ($1, $2, 'dead', now(), $3, $4, 'made up') on conflict do nothing`,
          [key, headers.ce_sequence, partition, offset],
        );
      } else {
        await notifier.query(
          `insert into notifications (order_id, version, status, moment, state, received_at, told_at, log_partition, log_offset)
           values ($1, $2, $3, $4, 'applied', now(), now(), $5, $6) on conflict do nothing`,
          [key, headers.ce_sequence, status, moment, partition, offset],
        );
      }
      await log.query('update group_partitions set next_offset = $3 where topic = $1 and partition = $2', [
        TOPIC,
        partition,
        offset + 1n,
      ]);
    }
  }
}

/** What the writers need to be there. */
export async function prepareWriters(urls: DatabaseUrls): Promise<void> {
  await using loms = openDb({ url: urls.loms, applicationName: 'writers', maxConnections: 1 });
  await using log = openDb({ url: urls.log, applicationName: 'writers', maxConnections: 1 });
  await loms.query(`insert into stocks select n, 100000, 0, 0 from generate_series(1, ${SKUS}) as n`);
  await loms.query(
    `insert into stock_movements select n, null, 'receipt', 100000, 0, 0, now() from generate_series(1, ${SKUS}) as n`,
  );
  await log.query(`insert into partitions select '${TOPIC}', n, 0 from generate_series(0, 2) as n`);
  await log.query(`insert into partitions values ('${DEAD_LETTERS_TOPIC}', 0, 0)`);
  await log.query(
    `insert into group_partitions (group_name, topic, partition) select 'notifier', '${TOPIC}', n from generate_series(0, 2) as n`,
  );
}
