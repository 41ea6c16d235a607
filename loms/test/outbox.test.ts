import { afterAll, beforeAll, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { systemClock } from '@tally/platform/concurrency';
import { type LoggedEvent, RecordRefusedError, openPostgresLog } from '@tally/platform/events';
import { createLease, openDb } from '@tally/platform/postgres';
import { createLog } from '@tally/platform/telemetry';
import { type TestDatabase, openTestDatabase, waitUntil } from '@tally/platform/testing';
import { EVENT_TYPES, ORDER_EVENTS_TOPIC, TOPICS } from '@tally/proto/events';

import { listRefused, retryRefused, skipRefused } from '../src/outbox/quarantine-postgres.ts';
import { createPostgresOutbox } from '../src/outbox/outbox-postgres.ts';
import { startRelay } from '../src/outbox/relay.ts';
import { type LomsDatabase, openLomsDatabase } from './database.ts';

let database: LomsDatabase;
let logDatabase: TestDatabase;

beforeAll(async () => {
  [database, logDatabase] = await Promise.all([openLomsDatabase(), openTestDatabase('log')]);
});
afterAll(async () => {
  await logDatabase[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const LEASE_MS = 300;
const deps = { clock: systemClock, random: Math.random, onError: () => {}, log: createLog('loms', 'silent') };

/** An instance's relay over the real database and the real log, with a hand between the two. */
function openRelay({
  refuses = '',
  behindPublish = async () => {},
}: { refuses?: string; behindPublish?: () => Promise<void> } = {}) {
  const stack = new AsyncDisposableStack();
  const logDb = stack.use(openDb({ url: logDatabase.url, applicationName: 'relay', maxConnections: 2 }));
  const log = stack.use(openPostgresLog({ db: logDb, ...deps }));
  const eventLog: Pick<typeof log, 'publish'> = {
    async publish(events) {
      if (events.some(({ headers }) => headers['ce_id'] === refuses))
        throw new RecordRefusedError('it does not like it');
      const positions = await log.publish(events);
      await behindPublish();
      return positions;
    },
  };
  const relay = stack.use(
    startRelay(
      {
        ...deps,
        eventLog,
        outbox: createPostgresOutbox(database.db),
        lease: createLease(database.db, 'relay', randomUUID(), LEASE_MS),
      },
      { intervalMs: 20, minPauseMs: 5, maxEvents: 100 },
    ),
  );
  return { wake: relay.wake, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

let orders = 0;

/** An order with versions 1 and 2, as a batch writes them; resolves with its id. */
async function write(): Promise<number> {
  orders += 1;
  await database.db.query(
    `insert into order_events (order_id, version, status, moment)
     values ($1, 1, 'new', now()), ($1, 2, 'awaiting payment', now())`,
    [orders],
  );
  return orders;
}

async function marksOf(orderId: number) {
  const { rows } = await database.db.query(
    'select version, log_partition, log_offset from order_events where order_id = $1 order by version',
    [orderId],
  );
  return rows.map((row) => [row.version, row.log_partition, row.log_offset] as const);
}

/** Everything that the log has of an order, in its order. */
async function logged(orderId: number): Promise<LoggedEvent[]> {
  await using db = openDb({ url: logDatabase.url, applicationName: 'test', maxConnections: 1 });
  const { rows } = await db.query('select * from records where topic = $1 and key = $2 order by "offset"', [
    ORDER_EVENTS_TOPIC,
    String(orderId),
  ]);
  return rows as LoggedEvent[];
}

const idsOf = (events: readonly LoggedEvent[]) => events.map(({ headers }) => headers['ce_id']);
const isMarked = async (orderId: number) => (await marksOf(orderId)).every(([, , offset]) => offset !== null);

/** What is marked is what the log holds there. */
async function expectTrueMarks(orderId: number): Promise<void> {
  const events = await logged(orderId);
  for (const [version, partition, offset] of await marksOf(orderId)) {
    const at = events.find((event) => event.partition === partition && event.offset === offset);
    expect(at?.headers['ce_id']).toBe(`${orderId}-${version}`);
  }
}

beforeAll(async () => {
  await using db = openDb({ url: logDatabase.url, applicationName: 'test', maxConnections: 1 });
  await using log = openPostgresLog({ db, ...deps });
  for (const { topic, partitions } of TOPICS) await log.ensureTopic(topic, partitions);
});

test('killed between publish and mark, another relay sends again with the same ids, and marks what is true', async () => {
  const orderId = await write();
  const published = Promise.withResolvers<void>();
  // It never comes back from the publish: as good as killed, and its lease runs out.
  const killed = openRelay({
    behindPublish: () => {
      published.resolve();
      return new Promise(() => {});
    },
  });
  await published.promise;
  expect(await isMarked(orderId)).toBe(false);
  await using _ = openRelay();
  await waitUntil(() => isMarked(orderId), { what: 'the successor marks' });
  expect(idsOf(await logged(orderId))).toEqual([1, 2, 1, 2].map((version) => `${orderId}-${version}`));
  await expectTrueMarks(orderId);
  expect(killed).toBeDefined();
}, 30_000);

test('paused and overtaken, what it marks is true and first occurrences stay in order', async () => {
  const orderId = await write();
  const published = Promise.withResolvers<void>();
  const wake = Promise.withResolvers<void>();
  const paused = openRelay({
    behindPublish: () => {
      published.resolve();
      return wake.promise;
    },
  });
  await published.promise;
  await database.db.query(
    `insert into order_events (order_id, version, status, moment) values ($1, 3, 'payed', now())`,
    [orderId],
  );
  await using _ = openRelay();
  await waitUntil(() => isMarked(orderId), { what: 'the successor marks' });
  wake.resolve();
  await paused[Symbol.asyncDispose]();
  const ids = idsOf(await logged(orderId));
  expect([...new Set(ids)]).toEqual([1, 2, 3].map((version) => `${orderId}-${version}`));
  expect(ids.length).toBeGreaterThan(3);
  await expectTrueMarks(orderId);
}, 30_000);

test('the first mark of an event stays, and a mark clears a quarantine', async () => {
  const orderId = await write();
  const outbox = createPostgresOutbox(database.db);
  const rows = (await outbox.unpublished(100)).filter((row) => row.orderId === BigInt(orderId));
  const marks = (partition: number, offset: bigint) =>
    rows.map(({ position }, i) => ({ position, partition, offset: offset + BigInt(i) }));
  await outbox.quarantine(rows[1]?.position ?? 0n, 'too early');
  await outbox.mark(marks(3, 7000n).slice(0, 1));
  // Another relay's, which sent both once more.
  await outbox.mark(marks(4, 8000n));
  await outbox.mark(marks(5, 9000n));
  expect(await marksOf(orderId)).toEqual([
    [1, 3, 7000n],
    [2, 4, 8001n],
  ]);
  // What is marked waits for nobody.
  await outbox.quarantine(rows[0]?.position ?? 0n, 'too late');
  expect(await listRefused(database.db)).toEqual(['nothing waits']);
});

test('an event that the log refuses waits for an operator: listed, retried, and skipped as a marker', async () => {
  const [bad, good] = [await write(), await write()];
  {
    await using _ = openRelay({ refuses: `${bad}-1` });
    await waitUntil(() => isMarked(good), { what: 'the other order is sent' });
    await waitUntil(async () => (await listRefused(database.db)).length === 2, { what: 'it is listed' });
    const [line, total] = await listRefused(database.db);
    expect(line).toMatch(new RegExp(`^order ${bad} version 1 \\(new, .*\\): it does not like it$`));
    expect(total).toBe('1 event waits');
    expect(await logged(bad)).toEqual([]);
    // Tried again, it is refused again.
    expect(await retryRefused(database.db, { orderId: BigInt(bad), version: 1 })).toBe(
      `version 1 of order ${bad} is sent again`,
    );
    await waitUntil(async () => (await listRefused(database.db)).length === 2, { what: 'it is back' });
  }
  expect(await skipRefused(database.db, { orderId: BigInt(bad), version: 1 }, 'never mind')).toBe(
    `version 1 of order ${bad} is skipped`,
  );
  await using _ = openRelay();
  await waitUntil(() => isMarked(bad), { what: 'the order goes on' });
  const events = await logged(bad);
  expect(events.map(({ headers, value }) => [headers['ce_type'], value.length > 0])).toEqual([
    [EVENT_TYPES.versionSkipped, false],
    [EVENT_TYPES.statusChanged, true],
  ]);
  const { rows } = await database.db.query(`select subject, reason from audit where action = 'skip event'`, []);
  expect(rows).toEqual([{ subject: `${bad}-1`, reason: 'never mind' }]);
  expect(await listRefused(database.db)).toEqual(['nothing waits']);
}, 30_000);

test('what does not wait is neither retried nor skipped', async () => {
  const event = { orderId: BigInt(await write()), version: 1 };
  await expect(retryRefused(database.db, event)).rejects.toThrow('does not wait');
  await expect(skipRefused(database.db, event, 'why')).rejects.toThrow('does not wait');
  await expect(skipRefused(database.db, { ...event, orderId: 7n }, 'why')).rejects.toThrow('does not wait');
});
