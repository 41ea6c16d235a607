import { expect, test } from 'bun:test';

import { createFakeClock } from '../../testing/index.ts';
import type { LoggedEvent } from '../port.ts';
import { createAssignedPartitions } from './assigned-partitions.ts';

const PARTITION = 0;
const offsetsOf = (events: readonly LoggedEvent[]) => events.map(({ offset }) => Number(offset));

function toEvent(offset: number, bytes: number): LoggedEvent & { momentMs: number } {
  const value = new Uint8Array(bytes);
  return { topic: 't', key: 'k', value, headers: {}, partition: PARTITION, offset: BigInt(offset), momentMs: 0 };
}

/** Assigns one partition from offset 0 on. Its handler ends when the test settles the call. */
function setUp() {
  const clock = createFakeClock();
  const calls: { readonly offsets: number[]; readonly done: PromiseWithResolvers<void> }[] = [];
  const membership = { isCurrent: true };
  const errors: unknown[] = [];
  const rooms: number[] = [];
  const partitions = createAssignedPartitions(
    { clock, random: () => 0.5, onError: (error) => errors.push(error), mayStart: () => membership.isCurrent },
    {
      topic: 't',
      group: 'g',
      maxBatchEvents: 10,
      handler(events) {
        const done = Promise.withResolvers<void>();
        calls.push({ offsets: offsetsOf(events), done });
        return done.promise;
      },
    },
  );
  partitions.onRoom(() => rooms.push(partitions.withRoom().length));
  partitions.assign([{ partition: PARTITION, offset: 0n }]);
  const [assigned] = partitions.current.values();
  if (assigned === undefined) throw new Error('no partition is assigned');
  const append = (from: number, count: number, bytes = 1) => {
    const events = Array.from({ length: count }, (_, i) => toEvent(from + i, bytes));
    const offsets = { fetchOffset: BigInt(from), nextOffset: BigInt(from + count) };
    partitions.append(assigned, { partition: PARTITION, events, ...offsets });
  };
  const finish = async (call: number) => {
    calls[call]?.done.resolve();
    await clock.advance(0);
  };
  return { clock, partitions, assigned, append, calls, finish, membership, errors, rooms };
}

test('a partition with two batches in its buffer has no room until a handler has finished', async () => {
  const { partitions, append, finish, rooms } = setUp();
  append(0, 15);
  expect(partitions.withRoom()).toHaveLength(1);
  append(15, 5);
  expect(partitions.withRoom()).toEqual([]);
  await finish(0);
  expect(partitions.withRoom()).toHaveLength(1);
  // The listener is called at the assignment, and when the handler has finished.
  expect(rooms).toEqual([1, 1]);
});

test('a partition with 1 MiB in its buffer has no room', () => {
  const { partitions, append } = setUp();
  append(0, 1, 1024 * 1024);
  expect(partitions.withRoom()).toEqual([]);
});

test('records are ignored unless they begin at the fetch offset, even when some of them are new', () => {
  const { assigned, append } = setUp();
  append(0, 5);
  append(0, 5);
  append(3, 5);
  expect(offsetsOf(assigned.buffer)).toEqual([0, 1, 2, 3, 4]);
  expect(assigned.fetchOffset).toBe(5n);
});

test('records that were fetched for an earlier assignment are ignored', () => {
  const { partitions, append } = setUp();
  partitions.assign([{ partition: PARTITION, offset: 0n }]);
  append(0, 5);
  expect(partitions.current.get(PARTITION)?.buffer).toEqual([]);
});

test('one handler runs at a time, in order, and the handled offset advances when it has finished', async () => {
  const { assigned, append, calls, finish } = setUp();
  append(0, 15);
  append(15, 1);
  expect(calls.map(({ offsets }) => offsets)).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  expect(assigned.handledOffset).toBe(0n);
  await finish(0);
  expect(calls[1]?.offsets).toEqual([10, 11, 12, 13, 14, 15]);
  expect(assigned.handledOffset).toBe(10n);
});

test('a partition that is assigned again waits for the handler of its last assignment', async () => {
  const { partitions, append, calls, finish } = setUp();
  append(0, 1);
  partitions.assign([{ partition: PARTITION, offset: 0n }]);
  const again = partitions.current.get(PARTITION);
  if (again === undefined) throw new Error('no partition is assigned');
  partitions.append(again, { partition: PARTITION, events: [toEvent(0, 1)], fetchOffset: 0n, nextOffset: 1n });
  expect(calls).toHaveLength(1);
  await finish(0);
  expect(calls).toHaveLength(2);
});

test('offsets without events count as handled once everything before them is', async () => {
  const { partitions, assigned, append, finish } = setUp();
  const skip = (fetchOffset: bigint, nextOffset: bigint) =>
    partitions.append(assigned, { partition: PARTITION, events: [], fetchOffset, nextOffset });
  skip(0n, 3n);
  expect([assigned.fetchOffset, assigned.handledOffset]).toEqual([3n, 3n]);
  append(3, 5);
  skip(8n, 9n);
  expect([assigned.fetchOffset, assigned.handledOffset]).toEqual([9n, 3n]);
  await finish(0);
  expect(assigned.handledOffset).toBe(9n);
});

test('no handler starts while the membership is not current', () => {
  const { partitions, append, calls, membership } = setUp();
  membership.isCurrent = false;
  append(0, 5);
  expect(calls).toEqual([]);
  membership.isCurrent = true;
  partitions.startHandlers();
  expect(calls).toHaveLength(1);
});

test('a handler that failed gets the same events again after a pause', async () => {
  const { clock, assigned, append, calls, errors } = setUp();
  append(0, 2);
  calls[0]?.done.reject(new Error('not yet'));
  await clock.advance(50);
  expect(calls).toHaveLength(1);
  await clock.advance(100);
  expect(calls.map(({ offsets }) => offsets)).toEqual([
    [0, 1],
    [0, 1],
  ]);
  expect(assigned.handledOffset).toBe(0n);
  expect(errors).toHaveLength(1);
});

test('draining starts no handler and waits for the running one', async () => {
  const { clock, partitions, append, calls, finish, assigned } = setUp();
  append(0, 15);
  const drained = partitions.drain(1_000);
  await clock.advance(500);
  expect(assigned.revoked.signal.aborted).toBe(false);
  await finish(0);
  await drained;
  expect(calls).toHaveLength(1);
  expect(assigned.handledOffset).toBe(10n);
});

test('draining aborts a handler at the limit and abandons it half a second later', async () => {
  const { clock, partitions, append, assigned } = setUp();
  append(0, 5);
  let isDrained = false;
  const drained = partitions.drain(1_000).then(() => (isDrained = true));
  await clock.advance(1_000);
  expect([assigned.revoked.signal.aborted, isDrained]).toEqual([true, false]);
  await clock.advance(500);
  await drained;
  expect(assigned.handledOffset).toBe(0n);
});
