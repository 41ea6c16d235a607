import { randomUUID } from 'node:crypto';

import { start as startLoms } from '@tally/loms';
import { readLomsConfig } from '@tally/loms/config';
import { systemClock } from '@tally/platform/concurrency';
import { readConfig } from '@tally/platform/config';
import { type EventLog, type LoggedEvent, openPostgresLog } from '@tally/platform/events';
import { type ClientOf, openGrpcClient } from '@tally/platform/grpc';
import { type Db, openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { failureOfCall, withTimeout } from '@tally/platform/testing';
import {
  CONSUMER_GROUPS,
  DEAD_LETTERS_TOPIC,
  HEADERS,
  type NewOrderEvent,
  ORDER_EVENTS_TOPIC,
  TOPICS,
  decodeOrderEvent,
  encodeOrderEvent,
} from '@tally/proto/events';
import { Loms } from '@tally/proto/loms';

import type { DatabaseUrls } from '../verify/databases.ts';

/** Everything that writes while verify looks. It runs until it is disposed. */
export interface Writers extends AsyncDisposable {
  /** Orders made so far. */
  readonly orders: number;
}

const SKUS = 5;
/** A sku without stock: an order of it fails. */
const MISSING_SKU = 99;
const MAX_UNTOLD_EVENTS = 4;
const TIMEOUT_MS = 10_000;

/**
 * Starts everything that writes: loms with its relay; shoppers, who freeze and close their checkouts as cart does; a
 * second relay, which repeats events as one does after a crash; and a reader, which stores notifications as the notifier
 * does, some of them as dead.
 */
export async function startWriters(urls: DatabaseUrls, shoppers: number): Promise<Writers> {
  await using stack = new AsyncDisposableStack();
  const open = (url: string) => stack.use(openDb({ url, applicationName: 'writers', maxConnections: shoppers + 1 }));
  const dbs = { cart: open(urls.cart), loms: open(urls.loms), notifier: open(urls.notifier) };
  const log = stack.use(
    openPostgresLog({ db: open(urls.log), clock: systemClock, random: Math.random, onError: () => {} }),
  );
  for (const { topic, partitions } of TOPICS) await log.ensureTopic(topic, partitions);

  const running = stack.use(await startLoms(readConfig(toLomsEnvironment(urls), readLomsConfig)));
  const { tracer } = openTracing('test');
  const loms = stack.use(openGrpcClient(Loms, { addresses: [`127.0.0.1:${running.grpcPort}`], tracer }));

  let orders = 0;
  let told = 0;
  const isBehind = async () => {
    const { rows } = await dbs.loms.query('select count(*)::integer as events from order_events');
    return rows[0].events - told > MAX_UNTOLD_EVENTS * shoppers;
  };
  stack.use(
    log.subscribe({
      topic: ORDER_EVENTS_TOPIC,
      group: CONSUMER_GROUPS.notifier,
      maxBatchEvents: 2,
      handler: async (events) => {
        for (const event of events) {
          // Handlers of several partitions run at the same time, so `told` is read only after the wait.
          const added = await keep(event, log, dbs.notifier);
          told += added;
        }
      },
    }),
  );

  const ending = new AbortController();
  const repeat = async (work: () => Promise<void>) => {
    while (!ending.signal.aborted) await work();
  };
  const loops = [
    ...Array.from({ length: shoppers }, (_, i) =>
      repeat(async () => {
        // Shoppers wait for the reader, so that the newest events are told: a long backlog would hide a wrong order of
        // the snapshots.
        if (await isBehind()) return Bun.sleep(5);
        await shop(dbs.cart, loms, BigInt(10_000 + i));
        orders += 1;
      }),
    ),
    repeat(() => sendAgain(dbs.loms, log)),
  ];
  stack.defer(async () => {
    ending.abort();
    await Promise.all(loops);
  });
  const owned = stack.move();
  return {
    get orders() {
      return orders;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const toLomsEnvironment = (urls: DatabaseUrls) => ({
  LOMS_DATABASE_URL: urls.loms,
  LOG_DATABASE_URL: urls.log,
  LOMS_GRPC_PORT: '0',
  LOMS_ADMIN_PORT: '0',
  LOG_LEVEL: 'silent',
});

/** Freezes a checkout, makes its order, closes it, and pays or cancels the order. */
async function shop(cart: Db, loms: ClientOf<typeof Loms>, user: bigint): Promise<void> {
  const checkoutId = randomUUID();
  const sku = Math.random() < 0.1 ? MISSING_SKU : 1 + Math.floor(Math.random() * SKUS);
  await cart.transaction(async (tx) => {
    await tx.query('insert into carts values ($1) on conflict do nothing', [user]);
    await tx.query(
      `insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until)
       values ($1, $2, 'open', now(), now() + interval '1 minute', now())`,
      [checkoutId, user],
    );
    await tx.query(`insert into checkout_lines values ($1, 1, $2, 2, 'a', 1)`, [checkoutId, sku]);
  });
  const items = [{ sku, count: 2n, name: 'a', price: 1 }];
  const call = loms.orderCreate({ user, items, checkoutId }, withTimeout(TIMEOUT_MS));
  const failure = await failureOfCall(call);
  const orderId = failure === undefined ? (await call).orderId : BigInt(failure.values['orderId'] ?? 0);
  await cart.query(`update checkouts set state = $2, closed_at = now(), order_id = $3, refusal = $4 where id = $1`, [
    checkoutId,
    failure === undefined ? 'done' : 'refused',
    orderId,
    failure && JSON.stringify({ reason: failure.reason }),
  ]);
  if (failure !== undefined) return;
  await (Math.random() < 0.5 ? loms.orderPay : loms.orderCancel)({ orderId }, withTimeout(TIMEOUT_MS));
}

/** Publishes the newest published event once more, as a relay does that died before it marked the event. */
async function sendAgain(loms: Db, log: EventLog): Promise<void> {
  const { rows } = await loms.query(
    `select order_id as "orderId", version, status, moment, traceparent, skipped
       from order_events where log_offset is not null order by position desc limit 1`,
  );
  if (rows.length > 0) await log.publish([encodeOrderEvent(rows[0] as NewOrderEvent)]);
  await Bun.sleep(50);
}

/** Stores a notification, now and then as dead after publishing its dead letter. Returns the number of new rows. */
async function keep(event: LoggedEvent, log: EventLog, notifier: Db): Promise<number> {
  const decoded = decodeOrderEvent(event);
  if (decoded.kind !== 'changed') throw new Error(`the event is ${decoded.kind}`);
  const { orderId, version, status, moment } = decoded;
  const isDead = Math.random() < 0.05;
  if (isDead) {
    const headers = {
      ...event.headers,
      [HEADERS.deadLetterPartition]: String(event.partition),
      [HEADERS.deadLetterOffset]: String(event.offset),
    };
    await log.publish([{ ...event, topic: DEAD_LETTERS_TOPIC, headers }]);
  }
  const { rows } = await notifier.query(
    `insert into notifications
       (order_id, version, status, moment, state, received_at, told_at, log_partition, log_offset, reason)
     values ($1, $2, $3, $4, $5::notification_state, now(), case $5 when 'applied' then now() end, $6, $7, $8)
     on conflict do nothing
     returning version`,
    [
      orderId,
      version,
      status,
      moment,
      isDead ? 'dead' : 'applied',
      event.partition,
      event.offset,
      isDead ? 'made up' : null,
    ],
  );
  return rows.length;
}

/** Fills the stock from which the shoppers order. */
export async function prepareStock(lomsUrl: string): Promise<void> {
  await using loms = openDb({ url: lomsUrl, applicationName: 'writers', maxConnections: 1 });
  await loms.query(`
    insert into stocks select sku, 100000, 0, 0 from generate_series(1, ${SKUS}) as sku;
    insert into stock_movements
    select sku, null, 'receipt', 100000, 0, 0, now() from generate_series(1, ${SKUS}) as sku`);
}
