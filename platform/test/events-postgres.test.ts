import { afterAll, beforeAll, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { systemClock } from '../src/concurrency/index.ts';
import { AppError } from '../src/errors/index.ts';
import { eventLogContract } from './event-log-contract.ts';
import { commitOffset } from '../src/events/postgres/gen/group.queries.ts';
import { type EventLog, openPostgresLog } from '../src/events/index.ts';
import { type Db, openDb } from '../src/postgres/index.ts';
import { type TestDatabase, openTestDatabase, openTestServer, waitUntil } from '../src/testing/index.ts';

const LIMITS = { leaseMs: 1500, heartbeatMs: 200, pollIntervalMs: 20 };
const openLog = (db: Db): EventLog =>
  openPostgresLog({ db, clock: systemClock, random: Math.random, onError: () => {} }, LIMITS);
const openLogDb = (url: string) => openDb({ url, applicationName: 'test', maxConnections: 8 });

eventLogContract('PostgreSQL', async () => {
  const database = await openTestDatabase('log');
  const stack = new AsyncDisposableStack();
  stack.use(database);
  const openAnother = async () => stack.use(openLog(stack.use(openLogDb(database.url))));
  return {
    log: await openAnother(),
    openAnother,
    takeoverMs: 10_000,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
});

let database: TestDatabase;
let db: Db;
let log: EventLog;

beforeAll(async () => {
  database = await openTestDatabase('log');
  db = openLogDb(database.url);
  log = openLog(db);
});

afterAll(async () => {
  await log[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const event = (topic: string, key: string, n: number) => ({
  topic,
  key,
  value: new TextEncoder().encode(String(n)),
  headers: {},
});

test('a publisher that commits late hides no event from a reader', async () => {
  await log.ensureTopic('slow', 1);
  const seen: string[] = [];
  await using _ = log.subscribe({
    topic: 'slow',
    group: 'g',
    handler: async (events) => void seen.push(...events.map(({ value }) => new TextDecoder().decode(value))),
  });
  let quick: Promise<unknown> = Promise.resolve();
  await db.transaction(async (slow) => {
    const slowLog = openLog({ ...db, query: slow.query, transaction: db.transaction });
    await slowLog.publish([event('slow', 'a', 1)]);
    quick = log.publish([event('slow', 'b', 2)]);
    await Bun.sleep(400);
    expect(seen).toEqual([]);
  });
  await quick;
  await waitUntil(() => seen.length === 2, { what: 'both events have arrived' });
  expect(seen).toEqual(['1', '2']);
});

test('publishing to a topic whose partitions are gone is unavailable, and works again when they are back', async () => {
  await log.ensureTopic('gone', 2);
  await log.publish([event('gone', 'a', 1)]);
  const failureKind = async () => {
    const failed = await log.publish([event('gone', 'a', 2)]).catch((error: unknown) => error);
    return failed instanceof AppError ? failed.kind : failed;
  };
  await db.query(`update partitions set topic = 'elsewhere' where topic = 'gone'`);
  // The first publish relies on the remembered partition count, the second one finds no partitions.
  expect([await failureKind(), await failureKind()]).toEqual(['unavailable', 'unavailable']);
  await db.query(`update partitions set topic = 'gone' where topic = 'elsewhere'`);
  expect(await log.publish([event('gone', 'a', 3)])).toHaveLength(1);
});

test('a member whose lease was taken over cannot commit, so the offset never goes back', async () => {
  await log.ensureTopic('zombie', 1);
  await log.publish(Array.from({ length: 10 }, (_, n) => event('zombie', 'a', n)));
  let wake = () => {};
  const frozen = new Promise<void>((resolve) => (wake = resolve));
  let handled = 0;
  const zombie = log.subscribe({
    topic: 'zombie',
    group: 'g',
    maxBatchEvents: 3,
    handler: async () => {
      handled += 1;
      if (handled === 1) await frozen;
    },
  });
  await waitUntil(() => handled === 1, { what: 'the first member handles events' });
  // The database looks as if the member had been paused for longer than its lease, and a successor had read everything.
  const successor = randomUUID();
  await db.query(
    `update group_partitions set holder = $1, token = token + 1, next_offset = 10, expires_at = clock_timestamp() + interval '5 s'
      where topic = 'zombie'`,
    [successor],
  );
  wake();
  await Bun.sleep(300);
  const { rows } = await db.query(`select next_offset, holder from group_partitions where topic = 'zombie'`, []);
  expect(rows).toEqual([{ next_offset: 10n, holder: successor }]);
  expect(zombie.partitions).toEqual([]);
  await zombie[Symbol.asyncDispose]();
});

test('a commit below the committed offset does not set it back, even with a valid token', async () => {
  await log.ensureTopic('back', 1);
  const lease = { group: 'g', topic: 'back', partition: 0, member: randomUUID(), token: 1n };
  await db.query(
    `insert into group_partitions (group_name, topic, partition, holder, token, next_offset, expires_at)
     values ('g', 'back', 0, $1, 1, 0, clock_timestamp())`,
    [lease.member],
  );
  await commitOffset.run({ ...lease, nextOffset: 7n }, db);
  await commitOffset.run({ ...lease, nextOffset: 5n }, db);
  const { rows } = await db.query(`select next_offset from group_partitions where topic = 'back'`, []);
  expect(rows).toEqual([{ next_offset: 7n }]);
});

test('a member does not wait for a partition that another one is taking', async () => {
  await log.ensureTopic('taken', 4);
  const options = { topic: 'taken', group: 'g', handler: async () => {} };
  const first = log.subscribe(options);
  await waitUntil(() => first.partitions.length === 4, { what: 'each partition has a row' });
  await first[Symbol.asyncDispose]();
  await using second = await db.transaction(async (tx) => {
    await tx.query(`select from group_partitions where topic = 'taken' and partition = 0 for update`, []);
    const member = log.subscribe(options);
    await waitUntil(() => member.partitions.length === 3, { what: 'it holds the other partitions', timeoutMs: 900 });
    return member;
  });
  await waitUntil(() => second.partitions.length === 4, { what: 'it holds all partitions' });
});

test('a member that dies is replaced after its lease', async () => {
  await log.ensureTopic('dead', 2);
  await db.query(`insert into group_members values ('g', 'dead', $1, clock_timestamp())`, [randomUUID()]);
  await db.query(
    `insert into group_partitions (group_name, topic, partition, holder, token, expires_at)
     select 'g', 'dead', n, $1, 1, clock_timestamp() + interval '700 ms' from generate_series(0, 1) n`,
    [randomUUID()],
  );
  await using member = log.subscribe({ topic: 'dead', group: 'g', handler: async () => {} });
  await Bun.sleep(300);
  expect(member.partitions).toEqual([]);
  await waitUntil(() => member.partitions.length === 2, { what: 'it has taken both partitions over' });
});

test('while the server is down a publish rejects, and afterwards readers continue by themselves', async () => {
  await using server = await openTestServer();
  const url = await server.database('log');
  await using serverDb = openLogDb(url);
  await using serverLog = openLog(serverDb);
  await serverLog.ensureTopic('t', 2);
  const seen = new Set<string>();
  await using _ = serverLog.subscribe({
    topic: 't',
    group: 'g',
    handler: async (events) => events.forEach(({ value }) => seen.add(new TextDecoder().decode(value))),
  });
  await serverLog.publish([event('t', 'a', 1)]);
  await waitUntil(() => seen.has('1'), { what: 'the first event has arrived' });
  await server.kill();
  await expect(serverLog.publish([event('t', 'a', 2)])).rejects.toThrow('the database does not answer');
  await server.start();
  await waitUntil(
    () =>
      serverLog.publish([event('t', 'a', 3)]).then(
        () => true,
        () => false,
      ),
    { what: 'events can be published again' },
  );
  await waitUntil(() => seen.has('3'), { what: 'the reader continues' });
}, 30_000);

test('pruning deletes the old records that every group has read, and no others', async () => {
  await log.ensureTopic('prune', 1);
  const pruning = openPostgresLog({ db, clock: systemClock, random: Math.random, onError: () => {} }, LIMITS);
  await log.publish(Array.from({ length: 10 }, (_, n) => event('prune', 'a', n)));
  expect(await pruning.prune('prune', 0)).toBe(0);
  await db.query(
    `insert into group_partitions (group_name, topic, partition, next_offset) values ('slow', 'prune', 0, 4), ('fast', 'prune', 0, 9)`,
  );
  expect(await pruning.prune('prune', 3_600_000)).toBe(0);
  await waitUntil(async () => (await pruning.prune('prune', 0)) === 4, { what: 'four records are old enough' });
  const { rows } = await db.query(`select min("offset") as first from records where topic = 'prune'`, []);
  expect(rows).toEqual([{ first: 4n }]);
});
