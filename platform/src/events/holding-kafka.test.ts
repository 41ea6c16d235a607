import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/index.ts';
import { createHolding } from './holding-kafka.ts';
import type { LoggedEvent } from './port.ts';

const PARTITION = 0;
const toEvent = (n: number, bytes = 1): LoggedEvent => ({
  topic: 't',
  key: 'k',
  value: new Uint8Array(bytes),
  headers: {},
  partition: PARTITION,
  offset: BigInt(n),
});

/** Holds one partition from offset 0 on; its handler ends when it is told to. */
function hold({ maxBatchEvents = 10 } = {}) {
  const clock = createFakeClock();
  const handled: number[][] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const is = { sure: true };
  const errors: unknown[] = [];
  const holding = createHolding(
    { clock, random: () => 0.5, onError: (error) => void errors.push(error), isSure: () => is.sure, onRoom: () => {} },
    {
      topic: 't',
      group: 'g',
      maxBatchEvents,
      handler(events) {
        handled.push(events.map(({ offset }) => Number(offset)));
        ends.push(Promise.withResolvers());
        return ends.at(-1)?.promise ?? Promise.resolve();
      },
    },
  );
  holding.take([{ partition: PARTITION, offset: 0n }]);
  const [mine] = holding.held.values();
  if (mine === undefined) throw new Error('nothing is held');
  const put = (from: number, count: number, bytes?: number) => {
    const events = Array.from({ length: count }, (_, i) => ({ ...toEvent(from + i, bytes), momentMs: 0 }));
    holding.put(mine, { partition: PARTITION, events, from: BigInt(from), nextOffset: BigInt(from + count) });
  };
  return { clock, holding, mine, put, handled, ends, is, errors };
}

test('a partition that has enough waiting wants no more, until its handler has made room', async () => {
  const { clock, holding, put, ends } = hold();
  put(0, 15);
  expect(holding.wanting()).toHaveLength(1);
  put(15, 5);
  expect(holding.wanting()).toEqual([]);
  ends[0]?.resolve();
  await clock.advance(0);
  expect(holding.wanting()).toHaveLength(1);
});

test('large events are enough sooner', () => {
  const { holding, put } = hold();
  put(0, 1, 1024 * 1024);
  expect(holding.wanting()).toEqual([]);
});

test('what was fetched already is ignored, also in part', () => {
  const { mine, put } = hold();
  put(0, 5);
  put(0, 5);
  put(3, 5);
  expect(mine.waiting.map(({ offset }) => Number(offset))).toEqual([0, 1, 2, 3, 4]);
  expect(mine.fetchOffset).toBe(5n);
});

test('what was fetched for the time before is ignored', () => {
  const { holding, put } = hold();
  holding.take([{ partition: PARTITION, offset: 0n }]);
  put(0, 5);
  expect([...holding.held.values()][0]?.waiting).toEqual([]);
});

test('one handler at a time, in order, and the offset moves when it is done', async () => {
  const { clock, mine, put, handled, ends } = hold();
  put(0, 15);
  put(15, 1);
  expect(handled).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  expect(mine.nextOffset).toBe(0n);
  ends[0]?.resolve();
  await clock.advance(0);
  expect(handled[1]).toEqual([10, 11, 12, 13, 14, 15]);
  expect(mine.nextOffset).toBe(10n);
});

test('offsets without an event are passed over: at once when nothing waits, else behind what waits', async () => {
  const { clock, holding, mine, put, ends } = hold();
  holding.put(mine, { partition: PARTITION, events: [], from: 0n, nextOffset: 3n });
  expect([mine.fetchOffset, mine.nextOffset]).toEqual([3n, 3n]);
  put(3, 5);
  holding.put(mine, { partition: PARTITION, events: [], from: 8n, nextOffset: 9n });
  expect([mine.fetchOffset, mine.nextOffset]).toEqual([9n, 3n]);
  ends[0]?.resolve();
  await clock.advance(0);
  expect(mine.nextOffset).toBe(9n);
});

test('who is not sure of the partition starts no handler', () => {
  const { holding, put, handled, is } = hold();
  is.sure = false;
  put(0, 5);
  expect(handled).toEqual([]);
  is.sure = true;
  holding.work();
  expect(handled).toHaveLength(1);
});

test('a handler that failed gets the same events again after a pause', async () => {
  const { clock, put, handled, ends, errors } = hold();
  put(0, 2);
  ends[0]?.reject(new Error('not yet'));
  await clock.advance(50);
  expect(handled).toHaveLength(1);
  await clock.advance(100);
  expect(handled).toEqual([
    [0, 1],
    [0, 1],
  ]);
  expect(errors).toHaveLength(1);
});

test('releasing starts nothing more, waits for the handler, and keeps what it did', async () => {
  const { clock, holding, put, handled, ends, mine } = hold();
  put(0, 15);
  let kept = 0n;
  const released = holding.release(1_000, async () => void (kept = mine.nextOffset));
  await clock.advance(500);
  expect(mine.losing.signal.aborted).toBe(false);
  ends[0]?.resolve();
  await clock.advance(0);
  await released;
  expect(handled).toHaveLength(1);
  expect(kept).toBe(10n);
  expect(holding.held.size).toBe(0);
});

test('a handler that outlasts the release hears of it before anything is given up', async () => {
  const { clock, holding, put, mine } = hold();
  put(0, 5);
  let isKept = false;
  const released = holding.release(1_000, async () => void (isKept = true));
  await clock.advance(1_000);
  expect(mine.losing.signal.aborted).toBe(true);
  expect(isKept).toBe(false);
  await clock.advance(500);
  await released;
  expect(isKept).toBe(true);
});
