import { expect, test } from 'bun:test';

import { RecordRefusedError } from '@tally/platform/events';
import { createLog } from '@tally/platform/telemetry';
import { createFakeClock } from '@tally/platform/testing';
import { HEADERS, type encodeOrderEvent } from '@tally/proto/events';

import type { Acknowledgement, Outbox, OutboxRow } from './outbox.ts';
import { sendEvents, startRelay } from './relay.ts';

const LIMITS = { intervalMs: 100, minPauseMs: 10, maxEvents: 4 };

interface TestRow extends OutboxRow {
  acknowledgement?: Acknowledgement;
  quarantine?: string;
}

/** The outbox in memory: `add` writes events with these versions of an order. */
function createTestOutbox() {
  const rows: TestRow[] = [];
  const rowAt = (position: bigint) => rows.find((row) => row.position === position);
  const isWaiting = ({ orderId, version }: TestRow) =>
    rows.some((row) => row.orderId === orderId && row.version <= version && row.quarantine !== undefined);
  const outbox: Outbox = {
    async findUnpublished(limit) {
      return rows.filter((row) => row.acknowledgement === undefined && !isWaiting(row)).slice(0, limit);
    },
    async markPublished(acknowledgements) {
      for (const acknowledgement of acknowledgements) {
        const row = rowAt(acknowledgement.position);
        if (row !== undefined) row.acknowledgement ??= acknowledgement;
      }
    },
    async quarantine(position, reason) {
      const row = rowAt(position);
      if (row !== undefined) row.quarantine = reason;
    },
  };
  const event = { status: 'new', moment: new Date(0), traceparent: null, skipped: false } as const;
  function add(orderId: number, ...versions: number[]): void {
    for (const version of versions) {
      rows.push({ ...event, position: BigInt(rows.length + 1), orderId: BigInt(orderId), version });
    }
  }
  return { rows, outbox, add };
}

/** A log that keeps the ids of its events. Setting its fields makes it fail. */
function createTestLog() {
  const log = {
    sentIds: [] as string[],
    isAway: false,
    /** The id of an event that the log refuses. */
    refusedId: '',
    /** Number of batches that are appended, and then fail as if the relay were killed. */
    lostAnswers: 0,
    async publish(events: readonly ReturnType<typeof encodeOrderEvent>[]) {
      if (log.isAway) throw new Error('the log is away');
      const ids = events.map(({ headers }) => headers[HEADERS.id] ?? '');
      if (ids.includes(log.refusedId)) throw new RecordRefusedError('too large');
      const firstOffset = log.sentIds.length;
      log.sentIds.push(...ids);
      if (log.lostAnswers > 0) {
        log.lostAnswers -= 1;
        throw new Error('the answer was lost');
      }
      return events.map((_, i) => ({ partition: 0, offset: BigInt(firstOffset + i) }));
    },
  };
  return log;
}

/** A lease that several relays share. */
function createTestLease() {
  let holder: string | undefined;
  const leaseOf = (relay: string) => ({
    hold: async () => (holder ??= relay) === relay,
    release: async () => {
      if (holder === relay) holder = undefined;
    },
  });
  return { leaseOf, holder: () => holder };
}

function setUp() {
  const clock = createFakeClock();
  const { rows, outbox, add } = createTestOutbox();
  const eventLog = createTestLog();
  const { leaseOf, holder } = createTestLease();
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const deps = { outbox, eventLog, log: createLog('loms', 'silent'), clock, random: () => 0.5, onError };
  return {
    clock,
    rows,
    eventLog,
    errors,
    deps,
    add,
    leaseOf,
    holder,
    startRelay: (name = 'relay') => startRelay({ ...deps, lease: leaseOf(name) }, LIMITS),
  };
}

test('the relay sends events in the order of their positions, and marks them with their offsets', async () => {
  const { clock, rows, eventLog, add, startRelay } = setUp();
  add(1, 1, 2);
  add(2, 1);
  await using _ = startRelay();
  await clock.advance(50);
  expect(eventLog.sentIds).toEqual(['1-1', '1-2', '2-1']);
  expect(rows.map(({ acknowledgement }) => acknowledgement?.offset)).toEqual([0n, 1n, 2n]);
});

test('the relay starts the next round at once when a round was full', async () => {
  const { clock, eventLog, add, startRelay } = setUp();
  add(1, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  await using _ = startRelay();
  await clock.advance(50);
  expect(eventLog.sentIds).toHaveLength(9);
});

test('a relay sends nothing while another holds the lease, and takes over at once when that one stops', async () => {
  const { clock, eventLog, add, startRelay } = setUp();
  const first = startRelay('first');
  await clock.advance(1);
  await using _ = startRelay('second');
  await clock.advance(1000);
  add(1, 1);
  await first[Symbol.asyncDispose]();
  await clock.advance(2 * LIMITS.intervalMs);
  expect(eventLog.sentIds).toEqual(['1-1']);
});

test('a relay that stops without the lease leaves the lease to its holder', async () => {
  const { clock, holder, startRelay } = setUp();
  await using _ = startRelay('first');
  await clock.advance(1);
  const second = startRelay('second');
  await clock.advance(1);
  await second[Symbol.asyncDispose]();
  expect(holder()).toBe('first');
});

test('a lease that cannot be released is reported, and the relay stops all the same', async () => {
  const { clock, deps, errors } = setUp();
  const broken = { hold: async () => true, release: () => Promise.reject(new Error('the database is away')) };
  const relay = startRelay({ ...deps, lease: broken }, LIMITS);
  await clock.advance(1);
  await relay[Symbol.asyncDispose]();
  expect(errors.map(String)).toEqual(['Error: the database is away']);
});

test('the relay quarantines nothing while the log is away, and sends everything when the log is back', async () => {
  const { clock, rows, eventLog, errors, add, startRelay } = setUp();
  eventLog.isAway = true;
  add(1, 1, 2);
  await using _ = startRelay();
  await clock.advance(1000);
  expect(eventLog.sentIds).toEqual([]);
  expect(rows.map(({ quarantine }) => quarantine)).toEqual([undefined, undefined]);
  expect(errors.length).toBeGreaterThan(3);
  eventLog.isAway = false;
  await clock.advance(200);
  expect(eventLog.sentIds).toEqual(['1-1', '1-2']);
});

test('events that were sent but not marked are sent again, with the same ids and in order', async () => {
  const { clock, rows, eventLog, add, startRelay } = setUp();
  eventLog.lostAnswers = 1;
  add(1, 1, 2);
  await using _ = startRelay();
  await clock.advance(500);
  expect(eventLog.sentIds).toEqual(['1-1', '1-2', '1-1', '1-2']);
  expect(rows.every(({ acknowledgement }) => acknowledgement !== undefined)).toBe(true);
});

test('an event that the log refuses stops its own order and no other, until it is retried', async () => {
  const { clock, rows, eventLog, add, startRelay } = setUp();
  eventLog.refusedId = '1-2';
  add(1, 1, 2, 3);
  add(2, 1);
  await using _ = startRelay();
  await clock.advance(500);
  expect(eventLog.sentIds).toEqual(['1-1', '2-1']);
  expect(rows.map(({ quarantine }) => quarantine)).toEqual([undefined, 'too large', undefined, undefined]);
  eventLog.refusedId = '';
  for (const row of rows) delete row.quarantine;
  await clock.advance(500);
  expect(eventLog.sentIds).toEqual(['1-1', '2-1', '1-2', '1-3']);
});

test('a relay that was paused and sends events again leaves their marks as they are', async () => {
  const { rows, deps, add } = setUp();
  add(1, 1, 2);
  const taken = await deps.outbox.findUnpublished(10);
  await sendEvents(deps, taken);
  const marks = rows.map(({ acknowledgement }) => acknowledgement);
  await sendEvents(deps, taken);
  expect(rows.map(({ acknowledgement }) => acknowledgement)).toEqual(marks);
});
