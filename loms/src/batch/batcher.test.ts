import { expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';
import { createLog } from '@tally/platform/telemetry';
import { createFakeClock } from '@tally/platform/testing';

import { type Batcher, type BatcherLimits, startBatcher } from './batcher.ts';
import type { CreateOrder } from '../orders/command.ts';
import { create, line, pay } from '../orders/fixtures.ts';
import { createMemoryStore } from '../store/store-memory.ts';
import { type Store, UpdateError, type UpdateFailure } from '../store/store.ts';

const LIMITS: BatcherLimits = {
  maxQueuedCommands: 100,
  maxBatchCommands: 8,
  maxBatchLines: 1000,
  paymentTimeoutMs: 600_000,
};

/** A batcher on a memory store whose updates can be made to fail, before or behind the commit. */
function setUp(limits: Partial<BatcherLimits> = {}, cutOff?: AbortSignal) {
  const clock = createFakeClock();
  const memory = createMemoryStore(clock.nowMs);
  memory.state.stocks.set(1, { total: 100n, held: 0n, reserved: 0n });
  const batches: number[] = [];
  const failures: { failure: UpdateFailure; isCommitted: boolean }[] = [];
  let poison: string | undefined;
  const store: Store = {
    ...memory,
    async update(wanted, decide) {
      const next = failures.shift();
      const fail = () => Promise.reject(new UpdateError(next?.failure ?? 'lost', new Error('told to fail')));
      if (next !== undefined && !next.isCommitted) return fail();
      await memory.update(wanted, (loaded) => {
        const changes = decide(loaded);
        const isPoisoned = changes.created.some(({ requestId }) => requestId === poison);
        if (isPoisoned) throw new UpdateError('culprit', new Error('a value that cannot be stored'));
        return changes;
      });
      return next === undefined ? undefined : fail();
    },
  };
  const batcher = startBatcher(
    {
      store,
      clock,
      random: () => 0.5,
      log: createLog('loms', 'silent'),
      onEvents: () => {},
      onBatch: (commands) => batches.push(commands),
      ...(cutOff && { cutOff }),
    },
    { ...LIMITS, ...limits },
  );
  return {
    clock,
    batcher,
    batches,
    state: memory.state,
    fail: (failure: UpdateFailure, isCommitted = false) => failures.push({ failure, isCommitted }),
    poison: ({ requestId }: CreateOrder) => {
      poison = requestId;
    },
  };
}

const one = () => create([line(1, 1)]);

/** `id N`, or the reason or message of the failure. */
const outcome = (answer: Promise<bigint | undefined>) =>
  answer.then(
    (id) => `id ${id}`,
    (error: unknown) => (error instanceof AppError ? error.reason : String(error)),
  );

const submitAll = (batcher: Batcher, commands: CreateOrder[]) =>
  Promise.all(commands.map((command) => outcome(batcher.submit(command))));

test('what is queued goes together, in the order of arrival, up to the limit', async () => {
  const { batcher, clock, batches } = setUp();
  const answers = submitAll(batcher, Array.from({ length: 10 }, one));
  await clock.advance(1000);
  expect(await answers).toEqual(Array.from({ length: 10 }, (_, i) => `id ${i + 1}`));
  expect(batches).toEqual([8, 2]);
});

test('a batch ends before its lines are too many, and one large order still goes alone', async () => {
  const { batcher, clock, batches } = setUp({ maxBatchLines: 5 });
  const wide = () => create(Array.from({ length: 4 }, (_, i) => line(i + 1, 1)));
  const answers = submitAll(batcher, [
    wide(),
    wide(),
    one(),
    create(Array.from({ length: 9 }, (_, i) => line(i + 1, 1))),
  ]);
  await clock.advance(1000);
  await answers;
  expect(batches).toEqual([1, 2, 1]);
});

test('a full queue refuses at once and takes nothing', async () => {
  const { batcher, clock } = setUp({ maxQueuedCommands: 2 });
  const answers = submitAll(batcher, [one(), one(), one()]);
  await clock.advance(1000);
  expect(await answers).toEqual(['id 1', 'id 2', 'QUEUE_FULL']);
});

for (const failure of ['conflict', 'timeout', 'lost'] as const) {
  test(`a batch whose end is unknown (${failure}) is run again: what was committed is found, not doubled`, async () => {
    const { batcher, clock, state, fail } = setUp();
    fail(failure, true);
    const answers = submitAll(batcher, [one(), one(), one()]);
    await clock.advance(2000);
    expect(await answers).toEqual(['id 1', 'id 2', 'id 3']);
    expect(state.orders.size).toBe(3);
  });

  test(`a batch that was not written (${failure}) is run again`, async () => {
    const { batcher, clock, state, fail } = setUp();
    fail(failure);
    fail(failure);
    const answers = submitAll(batcher, [one(), one()]);
    await clock.advance(2000);
    expect((await answers).every((answer) => answer?.startsWith('id '))).toBe(true);
    expect(state.orders.size).toBe(2);
  });
}

test('one poison command in a batch fails alone', async () => {
  const { batcher, clock, state, poison } = setUp({ maxBatchCommands: 64 });
  const commands = Array.from({ length: 64 }, one);
  const bad = commands[41] as CreateOrder;
  poison(bad);
  const answers = submitAll(batcher, commands);
  await clock.advance(4000);
  const told = await answers;
  expect(told.filter((answer) => !answer?.startsWith('id '))).toHaveLength(1);
  expect(told[41]).toContain('could not be written: culprit');
  expect(state.orders.size).toBe(63);
});

test('a conflict behind many lost tries is still a conflict: the next try finds what was committed', async () => {
  const { batcher, clock, fail } = setUp();
  for (let i = 0; i < 9; i += 1) fail('lost');
  fail('conflict');
  const answer = outcome(batcher.submit(one()));
  await clock.advance(10_000);
  expect(await answer).toStartWith('id ');
});

test('a disposed batcher asks a database that is away at its pace, and ends when it is cut off', async () => {
  const cutOff = new AbortController();
  const { batcher, batches, clock, fail } = setUp({}, cutOff.signal);
  for (let i = 0; i < 1000; i += 1) fail('lost');
  const answer = outcome(batcher.submit(one()));
  const disposed = Promise.resolve(batcher[Symbol.asyncDispose]());
  await clock.advance(5_000);
  expect(batches.length).toBeLessThan(50);
  cutOff.abort();
  await clock.advance(1_000);
  await disposed;
  expect(await answer).toBe('NOT_DECIDED');
});

test('a conflict that never ends is no conflict: its command fails', async () => {
  const { batcher, clock, fail } = setUp();
  for (let i = 0; i < 30; i += 1) fail('conflict');
  const answer = outcome(batcher.submit(create([line(1, 1)], { deadlineMs: clock.nowMs() + 60_000 })));
  await clock.advance(30_000);
  expect(await answer).toContain('could not be written: conflict');
});

test('a timeout halves the next batch', async () => {
  const { batcher, clock, batches, fail } = setUp();
  fail('timeout');
  const answers = submitAll(batcher, Array.from({ length: 8 }, one));
  await clock.advance(2000);
  await answers;
  expect(batches).toEqual([8, 4, 4]);
});

test('a command past its deadline is not decided, and its caller hears so', async () => {
  const { batcher, clock, state, fail } = setUp();
  for (let i = 0; i < 40; i += 1) fail('lost');
  const answer = outcome(batcher.submit(create([line(1, 1)], { deadlineMs: clock.nowMs() + 1000 })));
  await clock.advance(20_000);
  expect(await answer).toBe('NOT_DECIDED');
  expect(state.orders.size).toBe(0);
});

test('a command whose caller went away before it was taken is not decided', async () => {
  const { batcher, clock, state } = setUp();
  const caller = new AbortController();
  const answer = outcome(batcher.submit(one(), caller.signal));
  caller.abort();
  await clock.advance(1000);
  expect(await answer).toBe('NOT_DECIDED');
  expect(state.orders.size).toBe(0);
});

test('pays and creates share a batch', async () => {
  const { batcher, clock, batches, state } = setUp();
  const first = batcher.submit(one());
  await clock.advance(10);
  const id = (await first) as bigint;
  const answers = Promise.all([outcome(batcher.submit(pay(id))), outcome(batcher.submit(one()))]);
  await clock.advance(1000);
  expect(await answers).toEqual(['id undefined', 'id 2']);
  expect(batches).toEqual([1, 2]);
  expect(state.stocks.get(1)).toEqual({ total: 99n, held: 0n, reserved: 1n });
});

test('a disposed batcher ends what is queued and takes nothing new', async () => {
  const { batcher, clock, state } = setUp();
  const answer = outcome(batcher.submit(one()));
  const closed = batcher[Symbol.asyncDispose]();
  expect(await outcome(batcher.submit(one()))).toBe('NOT_DECIDED');
  await clock.advance(1000);
  await closed;
  expect(await answer).toBe('id 1');
  expect(state.orders.size).toBe(1);
});

test('two batchers on one store never oversell, and one request is one order', async () => {
  const clock = createFakeClock();
  const store = createMemoryStore(clock.nowMs);
  store.state.stocks.set(1, { total: 10n, held: 0n, reserved: 0n });
  const deps = { store, clock, random: () => 0.5, log: createLog('loms', 'silent'), onEvents: () => {} };
  const batchers = [startBatcher(deps, LIMITS), startBatcher(deps, LIMITS)];
  const shared = create([line(1, 1)], { requestId: '00000000-0000-4000-8000-aaaaaaaaaaaa' });
  const answers = Promise.all(
    batchers.flatMap((batcher) => [shared, ...Array.from({ length: 12 }, one)].map((c) => outcome(batcher.submit(c)))),
  );
  await clock.advance(5000);
  const told = await answers;
  expect(told[0]).toBe(told[13]);
  expect(new Set(told.filter((answer) => answer?.startsWith('id '))).size).toBe(10);
  expect(store.state.stocks.get(1)).toEqual({ total: 10n, held: 0n, reserved: 10n });
});
