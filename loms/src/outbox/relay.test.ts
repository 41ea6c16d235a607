import { expect, test } from 'bun:test';

import { type NewEvent, RecordRefusedError } from '@tally/platform/events';
import { createLog } from '@tally/platform/telemetry';
import { createFakeClock } from '@tally/platform/testing';

import type { Acknowledged, OutboxRow } from './outbox.ts';
import { relay, startRelay } from './relay.ts';

const LIMITS = { intervalMs: 100, minPauseMs: 10, maxEvents: 4 };

/** An outbox in memory and a log that can be away, refuse a key, or die behind the sending. */
function setUp() {
  const clock = createFakeClock();
  const rows: (OutboxRow & { mark?: Acknowledged; quarantine?: string })[] = [];
  const sent: string[] = [];
  const errors: unknown[] = [];
  const log = { isAway: false, refused: '', isHeld: true, diesBehindSending: 0 };
  const outbox = {
    async unpublished(limit: number) {
      const isBlocked = (row: OutboxRow) =>
        rows.some((other) => other.orderId === row.orderId && other.quarantine && other.version <= row.version);
      return rows.filter((row) => row.mark === undefined && !isBlocked(row)).slice(0, limit);
    },
    async mark(acknowledged: readonly Acknowledged[]) {
      for (const mark of acknowledged) {
        const row = rows.find(({ position }) => position === mark.position);
        if (row !== undefined) row.mark ??= mark;
      }
    },
    async quarantine(position: bigint, reason: string) {
      const row = rows.find((candidate) => candidate.position === position);
      if (row !== undefined) row.quarantine = reason;
    },
  };
  const eventLog = {
    async publish(events: readonly NewEvent[]) {
      if (log.isAway) throw new Error('the log is away');
      if (events.some(({ headers }) => headers['ce_id'] === log.refused)) throw new RecordRefusedError('too large');
      const from = sent.length;
      sent.push(...events.map(({ headers }) => headers['ce_id'] ?? ''));
      if (log.diesBehindSending > 0) {
        log.diesBehindSending -= 1;
        throw new Error('killed');
      }
      return events.map((_, i) => ({ partition: 0, offset: BigInt(from + i) }));
    },
  };
  const deps = {
    outbox,
    eventLog,
    log: createLog('loms', 'silent'),
    clock,
    random: () => 0.5,
    onError: (error: unknown) => errors.push(error),
  };
  const add = (orderId: number, ...versions: number[]) => {
    for (const version of versions) {
      const position = BigInt(rows.length + 1);
      rows.push({
        position,
        orderId: BigInt(orderId),
        version,
        status: 'new',
        moment: new Date(0),
        traceparent: null,
        skipped: false,
      });
    }
  };
  const lease = { hold: async () => log.isHeld, release: async () => {} };
  return {
    clock,
    rows,
    sent,
    errors,
    log,
    deps,
    add,
    start: () => startRelay({ ...deps, lease }, LIMITS),
    unmarked: () => rows.filter(({ mark }) => mark === undefined).length,
  };
}

test('sends in position order and marks with the offsets', async () => {
  const { clock, rows, sent, add, start } = setUp();
  add(1, 1, 2);
  add(2, 1);
  await using _ = start();
  await clock.advance(50);
  expect(sent).toEqual(['1-1', '1-2', '2-1']);
  expect(rows.map(({ mark }) => mark?.offset)).toEqual([0n, 1n, 2n]);
});

test('goes on at once while there is more than one round takes', async () => {
  const { clock, sent, add, start } = setUp();
  add(1, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  await using _ = start();
  await clock.advance(50);
  expect(sent).toHaveLength(9);
});

test('sends nothing without the lease', async () => {
  const { clock, sent, log, add, start } = setUp();
  log.isHeld = false;
  add(1, 1);
  await using _ = start();
  await clock.advance(1000);
  expect(sent).toEqual([]);
  log.isHeld = true;
  await clock.advance(200);
  expect(sent).toEqual(['1-1']);
});

test('a log that is away sets nothing aside, and all is sent when it is back', async () => {
  const { clock, rows, sent, errors, log, add, start } = setUp();
  log.isAway = true;
  add(1, 1, 2);
  await using _ = start();
  await clock.advance(1000);
  expect([sent.length, rows.filter(({ quarantine }) => quarantine).length]).toEqual([0, 0]);
  expect(errors.length).toBeGreaterThan(3);
  log.isAway = false;
  await clock.advance(200);
  expect(sent).toEqual(['1-1', '1-2']);
});

test('killed between sending and marking, it sends again with the same ids, in order', async () => {
  const { clock, sent, log, add, start, unmarked } = setUp();
  log.diesBehindSending = 1;
  add(1, 1, 2);
  await using _ = start();
  await clock.advance(500);
  expect(sent).toEqual(['1-1', '1-2', '1-1', '1-2']);
  expect(unmarked()).toBe(0);
});

test('an event that the log refuses is set aside alone; its order waits, others go on', async () => {
  const { clock, rows, sent, log, add, start } = setUp();
  log.refused = '1-2';
  add(1, 1, 2, 3);
  add(2, 1);
  await using _ = start();
  await clock.advance(500);
  expect(sent).toEqual(['1-1', '2-1']);
  expect(rows.map(({ quarantine }) => quarantine)).toEqual([undefined, 'too large', undefined, undefined]);
  log.refused = '';
  for (const row of rows) delete row.quarantine;
  await clock.advance(500);
  expect(sent).toEqual(['1-1', '2-1', '1-2', '1-3']);
});

test('paused and overtaken, what it marks is true and the first mark stays', async () => {
  const { rows, deps, add } = setUp();
  add(1, 1, 2);
  const taken = await deps.outbox.unpublished(10);
  await relay(deps, taken);
  const marks = rows.map(({ mark }) => mark);
  await relay(deps, taken);
  expect(rows.map(({ mark }) => mark)).toEqual(marks);
});
