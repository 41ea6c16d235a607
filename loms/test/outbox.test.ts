import { afterAll, beforeAll, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { systemClock } from '@tally/platform/concurrency';
import { type EventLog, type LoggedEvent, RecordRefusedError, openPostgresLog } from '@tally/platform/events';
import { createLease, openDb } from '@tally/platform/postgres';
import { createLog } from '@tally/platform/telemetry';
import { type TestDatabase, openTestDatabase, waitUntil } from '@tally/platform/testing';
import { EVENT_TYPES, HEADERS, ORDER_EVENTS_TOPIC, TOPICS } from '@tally/proto/events';

import { createPostgresOutbox } from '../src/outbox/outbox-postgres.ts';
import { listQuarantine, retryQuarantined, skipQuarantined } from '../src/outbox/quarantine-postgres.ts';
import { startRelay } from '../src/outbox/relay.ts';
import { type LomsDatabase, openLomsDatabase } from './database.ts';

let database: LomsDatabase;
let logDatabase: TestDatabase;

beforeAll(async () => {
  [database, logDatabase] = await Promise.all([openLomsDatabase(), openTestDatabase('log')]);
  await using db = openDb({ url: logDatabase.url, applicationName: 'test', maxConnections: 1 });
  await using log = openPostgresLog({ db, ...deps });
  for (const { topic, partitions } of TOPICS) await log.ensureTopic(topic, partitions);
});
afterAll(async () => {
  await logDatabase[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const deps = { clock: systemClock, random: Math.random, onError: () => {}, log: createLog('loms', 'silent') };

interface RelayOptions {
  /** The log refuses the event with this id. */
  readonly refusedId?: string;
  /** Runs after the log appended a batch, and before the relay hears of it. */
  readonly afterAppend?: () => Promise<void>;
  readonly leaseMs?: number;
}

/** Starts a relay with a holder of its own on the real outbox and the real log. */
function openRelay({ refusedId, afterAppend = async () => {}, leaseMs = 300 }: RelayOptions = {}): AsyncDisposable {
  const stack = new AsyncDisposableStack();
  const logDb = stack.use(openDb({ url: logDatabase.url, applicationName: 'relay', maxConnections: 2 }));
  const log = stack.use(openPostgresLog({ db: logDb, ...deps }));
  const eventLog: Pick<EventLog, 'publish'> = {
    async publish(events) {
      if (events.some(({ headers }) => headers[HEADERS.id] === refusedId)) throw new RecordRefusedError('too large');
      const positions = await log.publish(events);
      await afterAppend();
      return positions;
    },
  };
  const lease = createLease(database.db, 'relay', randomUUID(), leaseMs);
  const outbox = createPostgresOutbox(database.db);
  stack.use(startRelay({ ...deps, eventLog, outbox, lease }, { intervalMs: 20, minPauseMs: 5, maxEvents: 100 }));
  return stack;
}

let orderCount = 0;

/** Writes versions 1 and 2 of a new order, as a batch does. Returns its id. */
async function writeOrder(): Promise<number> {
  orderCount += 1;
  await database.db.query(
    `insert into order_events (order_id, version, status, moment)
     values ($1, 1, 'new', now()), ($1, 2, 'awaiting payment', now())`,
    [orderCount],
  );
  return orderCount;
}

interface Mark {
  readonly version: number;
  readonly partition: number | null;
  readonly offset: bigint | null;
}

async function findMarks(orderId: number): Promise<Mark[]> {
  const { rows } = await database.db.query(
    `select version, log_partition as partition, log_offset as "offset"
       from order_events where order_id = $1 order by version`,
    [orderId],
  );
  return rows;
}

const isPublished = async (orderId: number) => (await findMarks(orderId)).every(({ offset }) => offset !== null);

/** Returns the events of an order in the log, in the log's order. */
async function findLogged(orderId: number): Promise<LoggedEvent[]> {
  await using db = openDb({ url: logDatabase.url, applicationName: 'test', maxConnections: 1 });
  const { rows } = await db.query('select * from records where topic = $1 and key = $2 order by "offset"', [
    ORDER_EVENTS_TOPIC,
    String(orderId),
  ]);
  return rows as LoggedEvent[];
}

const idsOf = (events: readonly LoggedEvent[]) => events.map(({ headers }) => headers[HEADERS.id]);

/** Expects that the log has each event of the order at the place that its mark names. */
async function expectTrueMarks(orderId: number): Promise<void> {
  const events = await findLogged(orderId);
  for (const { version, partition, offset } of await findMarks(orderId)) {
    const logged = events.find((event) => event.partition === partition && event.offset === offset);
    expect(logged?.headers[HEADERS.id]).toBe(`${orderId}-${version}`);
  }
}

const NOTHING = ['no event is quarantined'];

test('after a relay was killed before it marked events, the next one sends the same ids, with true marks', async () => {
  const orderId = await writeOrder();
  const appended = Promise.withResolvers<void>();
  // This relay never hears of its append, and never renews its lease: the same as if it were killed.
  openRelay({
    afterAppend: () => {
      appended.resolve();
      return new Promise(() => {});
    },
  });
  await appended.promise;
  expect(await isPublished(orderId)).toBe(false);
  await using _ = openRelay();
  await waitUntil(() => isPublished(orderId), { what: 'the next relay marks the events' });
  expect(idsOf(await findLogged(orderId))).toEqual([1, 2, 1, 2].map((version) => `${orderId}-${version}`));
  await expectTrueMarks(orderId);
}, 30_000);

test('after a relay was paused and another took over, first occurrences are in order, and marks are true', async () => {
  const orderId = await writeOrder();
  const appended = Promise.withResolvers<void>();
  const resumed = Promise.withResolvers<void>();
  const paused = openRelay({
    afterAppend: () => {
      appended.resolve();
      return resumed.promise;
    },
  });
  await appended.promise;
  await database.db.query(
    `insert into order_events (order_id, version, status, moment) values ($1, 3, 'payed', now())`,
    [orderId],
  );
  await using _ = openRelay();
  await waitUntil(() => isPublished(orderId), { what: 'the other relay marks the events' });
  resumed.resolve();
  await paused[Symbol.asyncDispose]();
  const ids = idsOf(await findLogged(orderId));
  expect([...new Set(ids)]).toEqual([1, 2, 3].map((version) => `${orderId}-${version}`));
  expect(ids.length).toBeGreaterThan(3);
  await expectTrueMarks(orderId);
}, 30_000);

test('a relay that stops releases its lease, and the next one starts at once', async () => {
  const first = await writeOrder();
  const stopping = openRelay({ leaseMs: 60_000 });
  await waitUntil(() => isPublished(first), { what: 'the first relay is active' });
  await stopping[Symbol.asyncDispose]();
  const second = await writeOrder();
  await using _ = openRelay({ leaseMs: 60_000 });
  await waitUntil(() => isPublished(second), { what: 'the second relay is active', timeoutMs: 5_000 });
}, 30_000);

test('the first mark of an event stays, and a mark ends a quarantine', async () => {
  const orderId = await writeOrder();
  const outbox = createPostgresOutbox(database.db);
  const rows = (await outbox.findUnpublished(100)).filter((row) => row.orderId === BigInt(orderId));
  const acknowledge = (partition: number, offset: bigint) =>
    rows.map(({ position }, i) => ({ position, partition, offset: offset + BigInt(i) }));
  await outbox.quarantine(rows[1]?.position ?? 0n, 'refused by the first relay');
  await outbox.markPublished(acknowledge(3, 7000n).slice(0, 1));
  // Two other relays sent both events as well.
  await outbox.markPublished(acknowledge(4, 8000n));
  await outbox.markPublished(acknowledge(5, 9000n));
  expect(await findMarks(orderId)).toEqual([
    { version: 1, partition: 3, offset: 7000n },
    { version: 2, partition: 4, offset: 8001n },
  ]);
  // A published event cannot be quarantined any more.
  await outbox.quarantine(rows[0]?.position ?? 0n, 'refused too late');
  expect(await listQuarantine(database.db)).toEqual(NOTHING);
});

test('a refused event stops its order until an operator retries or skips it, and no other order', async () => {
  const [refused, other] = [await writeOrder(), await writeOrder()];
  const event = { orderId: BigInt(refused), version: 1 };
  const isQuarantined = async () => (await listQuarantine(database.db)).at(-1) === '1 event is quarantined';
  {
    await using _ = openRelay({ refusedId: `${refused}-1` });
    await waitUntil(() => isPublished(other), { what: 'the other order is published' });
    await waitUntil(isQuarantined, { what: 'the event is quarantined' });
    const [line] = await listQuarantine(database.db);
    expect(line).toMatch(new RegExp(`^order ${refused} version 1 \\(new, .*\\): too large$`));
    expect(await findLogged(refused)).toEqual([]);
    const retried = await retryQuarantined(database.db, event);
    expect(retried).toBe(`version 1 of order ${refused} will be sent again`);
    await waitUntil(isQuarantined, { what: 'the event is refused again' });
  }
  const skipped = await skipQuarantined(database.db, event, 'its value is too large');
  expect(skipped).toBe(`version 1 of order ${refused} is skipped`);
  await using _ = openRelay();
  await waitUntil(() => isPublished(refused), { what: 'the order continues' });
  const events = await findLogged(refused);
  expect(events.map(({ headers, value }) => [headers[HEADERS.type], value.length > 0])).toEqual([
    [EVENT_TYPES.versionSkipped, false],
    [EVENT_TYPES.statusChanged, true],
  ]);
  const { rows } = await database.db.query(`select subject, reason from audit where action = 'skip event'`, []);
  expect(rows).toEqual([{ subject: `${refused}-1`, reason: 'its value is too large' }]);
  expect(await listQuarantine(database.db)).toEqual(NOTHING);
}, 30_000);

test('an event that is not quarantined can be neither retried nor skipped', async () => {
  const event = { orderId: BigInt(await writeOrder()), version: 1 };
  await expect(retryQuarantined(database.db, event)).rejects.toThrow('is not quarantined');
  await expect(skipQuarantined(database.db, event, 'a reason')).rejects.toThrow('is not quarantined');
  const unknown = { ...event, version: 99 };
  await expect(skipQuarantined(database.db, unknown, 'a reason')).rejects.toThrow('is not quarantined');
});
