import { expect, test } from 'bun:test';

import type { NewEvent } from '@tally/platform/events';
import { DEAD_LETTERS_TOPIC } from '@tally/proto/events';

import { consume } from './consume.ts';
import { event, marker } from './fixtures.ts';
import type { Notification } from './inbox.ts';
import { replay } from './replay.ts';
import { createMemoryStore } from './store-memory.ts';
import { DataError } from './store.ts';

function setUp() {
  const store = createMemoryStore();
  const told: string[] = [];
  const letters: NewEvent[] = [];
  const counts: Record<string, number> = {};
  let isLogClosed = false;
  const tell = ({ orderId, version }: Notification, { isLate }: { isLate: boolean }) =>
    void told.push(`${orderId}-${version}${isLate ? ' late' : ''}`);
  const deps = {
    store,
    tell,
    eventLog: {
      async publish(events: readonly NewEvent[]) {
        if (isLogClosed) throw new Error('the log is closed');
        letters.push(...events);
        return [];
      },
    },
    count: (result: string, events: number) => (counts[result] = (counts[result] ?? 0) + events),
  };
  const stateOf = (name: string) => store.notifications.get(name)?.state;
  return { deps, store, told, letters, counts, stateOf, closeLog: () => (isLogClosed = true) };
}

test('events of several orders are applied and told, each of them once, however often it arrives', async () => {
  const { deps, told, counts } = setUp();
  await consume(deps, [event(1, 1), event(2, 1), event(1, 2), event(1, 2), event(1, 3)]);
  await consume(deps, [event(1, 1), event(2, 2)]);
  expect(told.filter((name) => name.startsWith('1-'))).toEqual(['1-1', '1-2', '1-3']);
  expect(told.filter((name) => name.startsWith('2-'))).toEqual(['2-1', '2-2']);
  expect(counts).toEqual({ applied: 5, parked: 0, dead: 0, duplicate: 2 });
});

test('an early version is parked, and told after the version before it', async () => {
  const { deps, told, stateOf } = setUp();
  await consume(deps, [event(1, 3), event(1, 2)]);
  expect([told, stateOf('1-2'), stateOf('1-3')]).toEqual([[], 'parked', 'parked']);
  await consume(deps, [event(1, 1)]);
  expect([told, stateOf('1-3')]).toEqual([['1-1', '1-2', '1-3'], 'applied']);
});

test('poison becomes a dead letter with its reason, and later versions do not wait for it', async () => {
  const { deps, told, letters, stateOf } = setUp();
  await consume(deps, [event(1, 1), event(1, 2, { value: '{' }), event(1, 3)]);
  expect([told, stateOf('1-2')]).toEqual([['1-1', '1-3'], 'dead']);
  expect(letters.map(({ topic, headers }) => [topic, headers['dead_letter_reason']])).toEqual([
    [DEAD_LETTERS_TOPIC, 'the value is not a JSON object'],
  ]);
});

test('an unreadable event becomes a dead letter, and is stored with its partition and offset', async () => {
  const { deps, store, letters } = setUp();
  await consume(deps, [event(1, 1, { key: 'x', partition: 4, offset: 99n })]);
  expect(store.unreadable).toEqual([{ partition: 4, offset: 99n, reason: "the key 'x' is not an order id" }]);
  expect(letters).toHaveLength(1);
});

test('poison is not stored when its dead letter cannot be published', async () => {
  const { deps, store, closeLog } = setUp();
  closeLog();
  await expect(consume(deps, [event(1, 1, { value: '{' })])).rejects.toThrow('the log is closed');
  expect(store.notifications.size).toBe(0);
});

test('nothing is told or stored after the signal has aborted', async () => {
  const { deps, store, told, letters } = setUp();
  const losing = new AbortController();
  const update: typeof store.update = async (ids, decide) => {
    // The partition is lost while the update is on its way to the database.
    losing.abort(new Error('lost'));
    return await store.update(ids, decide);
  };
  const { signal } = losing;
  await expect(consume({ ...deps, store: { ...store, update } }, [event(1, 1)], { signal })).rejects.toThrow('lost');
  await expect(consume(deps, [event(1, 1, { value: '{' })], { signal })).rejects.toThrow('lost');
  expect([told, letters, store.notifications.size]).toEqual([[], [], 0]);
});

test('a skipped version is not told, and later versions do not wait for it', async () => {
  const { deps, told, letters, stateOf } = setUp();
  await consume(deps, [event(1, 1), event(1, 3)]);
  await consume(deps, [marker(1, 2)]);
  expect([told, stateOf('1-2'), letters]).toEqual([['1-1', '1-3'], 'dead', []]);
});

test('an event that the database refuses becomes poison, and the rest of its batch is applied', async () => {
  const { deps, store, told, letters, stateOf } = setUp();
  const update: typeof store.update = (ids, decide) =>
    store.update(ids, (known) => {
      const decision = decide(known);
      const { inserted } = decision.changes;
      if (inserted.some(({ orderId, state }) => orderId === 2n && state !== 'dead')) throw new DataError('no');
      return decision;
    });
  await consume({ ...deps, store: { ...store, update } }, [event(1, 1), event(2, 1), event(3, 1)]);
  expect(told).toEqual(['1-1', '3-1']);
  expect([stateOf('2-1'), letters.length]).toEqual(['dead', 1]);
});

test('a replay applies a dead version, and tells it as late when later ones were told', async () => {
  const { deps, told, stateOf } = setUp();
  await consume(deps, [event(1, 1), event(1, 2, { value: '{' }), event(1, 3)]);
  await expect(replay(deps, { orderId: 1n, version: 2 })).rejects.toThrow('give its status and moment');
  const said = { status: 'awaiting payment', moment: new Date(0) } as const;
  expect(await replay(deps, { orderId: 1n, version: 2, said })).toBe('applied');
  expect([told, stateOf('1-2')]).toEqual([['1-1', '1-3', '1-2 late'], 'applied']);
  await expect(replay(deps, { orderId: 1n, version: 2, said })).rejects.toThrow('is not dead');
});
