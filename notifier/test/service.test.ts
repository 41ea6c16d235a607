import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { systemClock } from '@tally/platform/concurrency';
import { readConfig } from '@tally/platform/config';
import { type EventLog, openPostgresLog } from '@tally/platform/events';
import { type ClientOf, openGrpcClient } from '@tally/platform/grpc';
import { type Db, openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import {
  type TestDatabase,
  openTestDatabase,
  openTestServer,
  outcomeOf,
  sendRaw,
  waitUntil,
} from '@tally/platform/testing';
import { DEAD_LETTERS_TOPIC } from '@tally/proto/events';
import { Notifier } from '@tally/proto/notifier';

import { start } from '../src/app.ts';
import { readNotifierConfig } from '../src/config.ts';
import { consume } from '../src/consume.ts';
import { event, marker } from '../src/fixtures.ts';
import { createPostgresStore } from '../src/store-postgres.ts';

let database: TestDatabase;
let logDatabase: TestDatabase;
let db: Db;
let log: EventLog;
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  [database, logDatabase] = await Promise.all([openTestDatabase('notifier'), openTestDatabase('log')]);
  db = openDb({ url: database.url, applicationName: 'test', maxConnections: 8 });
  const logDb = openDb({ url: logDatabase.url, applicationName: 'test', maxConnections: 4 });
  log = openPostgresLog({ db: logDb, clock: systemClock, random: Math.random, onError: () => {} });
  for (const resource of [database, logDatabase, db, logDb, log]) stack.use(resource);
});
afterAll(() => stack.disposeAsync());

async function openNotifier({ databaseUrl = database.url, logUrl = logDatabase.url } = {}) {
  const env = {
    TALLY_MODE: 'development',
    NOTIFIER_GRPC_PORT: '0',
    NOTIFIER_ADMIN_PORT: '0',
    NOTIFIER_DATABASE_URL: databaseUrl,
    NOTIFIER_DATABASE_CONNECTIONS: '4',
    NOTIFIER_MAX_BATCH_EVENTS: '50',
    LOG_DATABASE_URL: logUrl,
    LOG_LEVEL: 'silent',
    DRAIN_LIMIT_MS: '1000',
  };
  const running = await start(readConfig(env, readNotifierConfig));
  const address = `127.0.0.1:${running.grpcPort}`;
  const client = openGrpcClient(Notifier, { addresses: [address], tracer: openTracing('test').tracer });
  const close = async () => {
    await client[Symbol.asyncDispose]();
    await running[Symbol.asyncDispose]();
  };
  return { running, address, client, [Symbol.asyncDispose]: close };
}

const soon = () => ({ deadlineMs: Date.now() + 5000 });
const versionsOf = async (client: ClientOf<typeof Notifier>, orderId: bigint) =>
  (await client.list({ orderId }, soon())).items.map(({ version }) => version);
const statesOf = async (orderId: bigint) =>
  (await db.query('select version, state from notifications where order_id = $1 order by version', [orderId])).rows.map(
    ({ version, state }) => `${version} ${state}`,
  );

test('List returns each published version once and in order, without those that are parked or dead', async () => {
  await using notifier = await openNotifier();
  await log.publish([
    event(1, 1),
    event(1, 2),
    event(1, 2),
    event(1, 3),
    event(2, 2),
    event(3, 1),
    event(3, 2, { value: '{' }),
    event(3, 3),
    event(4, 1),
    marker(4, 2),
    event(4, 3),
    event(5, 1, { headers: { ce_sequence: 'x' } }),
  ]);
  await waitUntil(async () => (await versionsOf(notifier.client, 1n)).length === 3, { what: 'order 1 is told' });
  await waitUntil(async () => (await statesOf(4n)).length === 3, { what: 'order 4 is told' });
  const { items } = await notifier.client.list({ orderId: 1n }, soon());
  expect(items.map(({ orderId, version, status }) => [orderId, version, status])).toEqual([
    [1n, 1, 'new'],
    [1n, 2, 'awaiting payment'],
    [1n, 3, 'payed'],
  ]);
  expect(await versionsOf(notifier.client, 2n)).toEqual([]);
  await waitUntil(async () => (await statesOf(2n)).length === 1 && (await statesOf(3n)).length === 3, {
    what: 'all events of orders 2 and 3 are stored',
  });
  expect([await statesOf(2n), await statesOf(3n), await statesOf(4n)]).toEqual([
    ['2 parked'],
    ['1 applied', '2 dead', '3 applied'],
    ['1 applied', '2 dead', '3 applied'],
  ]);
  await log.publish([event(2, 1)]);
  await waitUntil(async () => (await versionsOf(notifier.client, 2n)).length === 2, {
    what: 'the parked version is told',
  });
  const dead: string[] = [];
  await using _ = log.subscribe({
    topic: DEAD_LETTERS_TOPIC,
    group: 'test',
    handler: async (events) => void dead.push(...events.map(({ headers }) => headers['dead_letter_reason'] ?? '')),
  });
  await waitUntil(() => dead.length === 2, { what: 'both dead letters are read' });
  expect(dead.toSorted()).toEqual(["ce_sequence 'x' is not a version", 'the value is not a JSON object']);
  const { rows } = await db.query('select count(*)::int as n from unreadable_events');
  expect(rows).toEqual([{ n: 1 }]);
}, 30_000);

test('two members that handle neighbouring versions of an order at the same time leave nothing parked', async () => {
  const store = createPostgresStore(db);
  const deps = { store, eventLog: log, tell: () => {}, count: () => {} };
  const races = Array.from({ length: 300 }, (_, i) => 1000 + i);
  for (const orderId of races)
    await Promise.all([consume(deps, [event(orderId, 2)]), consume(deps, [event(orderId, 1)])]);
  const { rows } = await db.query(
    `select count(*)::int as n from notifications where order_id >= 1000 and state = 'parked'`,
    [],
  );
  expect(rows).toEqual([{ n: 0 }]);
}, 30_000);

test('a crash between telling and the commit stores nothing, and the event can be handled again', async () => {
  const store = createPostgresStore(db);
  const told: number[] = [];
  const tell = ({ version }: { version: number }) => {
    told.push(version);
    if (told.length === 1) throw new Error('crashed');
  };
  const deps = { store, eventLog: log, tell, count: () => {} };
  await expect(consume(deps, [event(5000, 1)])).rejects.toThrow('crashed');
  await Bun.sleep(50);
  expect(await statesOf(5000n)).toEqual([]);
  await consume(deps, [event(5000, 1)]);
  expect([await statesOf(5000n), told]).toEqual([['1 applied'], [1, 1]]);
});

test('nothing is lost or doubled when the database goes away and comes back', async () => {
  await using server = await openTestServer();
  const databaseUrl = await server.database('notifier');
  await using notifier = await openNotifier({ databaseUrl });
  const order = 77;
  await log.publish([event(order, 1)]);
  await waitUntil(async () => (await versionsOf(notifier.client, 77n)).length === 1, { what: 'version 1 is told' });
  await server.kill();
  await log.publish([event(order, 2), event(order, 3)]);
  expect(await outcomeOf(notifier.client.list({ orderId: 77n }, soon()))).toBe('UNAVAILABLE DATABASE_UNAVAILABLE');
  await server.start();
  await waitUntil(async () => (await versionsOf(notifier.client, 77n).catch(() => [])).join() === '1,2,3', {
    what: 'versions 2 and 3 are told',
    timeoutMs: 20_000,
  });
}, 60_000);

describe('List', () => {
  test('the list of an unknown order is empty', async () => {
    await using notifier = await openNotifier();
    for (const orderId of [999_999n, 2n ** 53n + 1n, 2n ** 63n - 1n])
      expect(await versionsOf(notifier.client, orderId)).toEqual([]);
  });

  test('an order id out of bounds and bytes that are not a message are refused', async () => {
    await using notifier = await openNotifier();
    for (const orderId of [0n, -1n]) {
      expect(await outcomeOf(notifier.client.list({ orderId }, soon()))).toBe('INVALID_ARGUMENT INVALID_REQUEST');
    }
    const error = await sendRaw(notifier.address, '/notifier.Notifier/List', new Uint8Array([0x08, 0xff]));
    expect([error?.code, error?.reason]).toEqual([3, 'MALFORMED_REQUEST']);
    expect(await versionsOf(notifier.client, 999_999n)).toEqual([]);
  });

  test('the admin port serves health, readiness and metrics', async () => {
    await using notifier = await openNotifier();
    const get = async (path: string) => await fetch(`http://127.0.0.1:${notifier.running.adminPort}${path}`);
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    expect(await (await get('/metrics')).text()).toContain('notifier_events_total');
    expect((await get('/nowhere')).status).toBe(404);
  });
});
