import { expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';
import { createLog } from '@tally/platform/telemetry';
import { createFakeClock, range } from '@tally/platform/testing';

import type { CreateOrder } from '../orders/order-create.ts';
import { createMemoryStore } from '../store/store-memory.ts';
import { type Store, UpdateError, type UpdateFailure } from '../store/store.ts';
import { create, line, pay } from '../testing/fixtures.ts';
import { type Batcher, type BatcherLimits, startBatcher } from './batcher.ts';

const LIMITS: BatcherLimits = { maxQueuedCommands: 100, maxBatchCommands: 8, maxBatchLines: 1000 };

/** A batcher on a memory store with 100 units of sku 1. Updates of the store can be made to fail or to wait. */
function setUp(limits: Partial<BatcherLimits> = {}, cutOff?: AbortSignal) {
  const clock = createFakeClock();
  const memory = createMemoryStore(clock.nowMs);
  memory.state.stocks.set(1, { total: 100n, held: 0n, reserved: 0n });
  const failures: { failure: UpdateFailure; isCommitted: boolean }[] = [];
  const batches: number[] = [];
  let poisonedRequestId: string | undefined;
  let locked = Promise.resolve();
  const store: Pick<Store, 'update'> = {
    async update(wanted, decide) {
      await locked;
      const failing = failures.shift();
      if (failing !== undefined && !failing.isCommitted) throw new UpdateError(failing.failure, new Error('a test'));
      const answer = await memory.update(wanted, (loaded) => {
        const decision = decide(loaded);
        const isPoisoned = decision.changes.created.some(({ requestId }) => requestId === poisonedRequestId);
        if (isPoisoned) throw new UpdateError('culprit', new Error('a value that cannot be stored'));
        return decision;
      });
      if (failing !== undefined) throw new UpdateError(failing.failure, new Error('a test'));
      return answer;
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
    /** The number of commands in each attempt. */
    batches,
    state: memory.state,
    /** Fails the next updates, before their changes are committed. */
    failNext: (failure: UpdateFailure, count = 1) =>
      range(count).forEach(() => failures.push({ failure, isCommitted: false })),
    /** Commits the next update, and reports a failure all the same. */
    loseAnswer: (failure: UpdateFailure) => failures.push({ failure, isCommitted: true }),
    poison: ({ requestId }: CreateOrder) => {
      poisonedRequestId = requestId;
    },
    /** Lets updates wait for their locks. Returns the function that ends the wait. */
    lock: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      locked = promise;
      return resolve;
    },
  };
}

const oneUnit = (more: Partial<CreateOrder> = {}) => create([line(1, 1)], more);

/** Resolves with `id N`, `ok`, the reason of the refusal, or the message of another failure. */
async function outcomeOf(answer: Promise<bigint | void>): Promise<string | undefined> {
  try {
    const id = await answer;
    return id === undefined ? 'ok' : `id ${id}`;
  } catch (error) {
    return error instanceof AppError ? error.reason : String(error);
  }
}

const submitAll = (batcher: Batcher, commands: readonly CreateOrder[]) =>
  Promise.all(commands.map((command) => outcomeOf(batcher.submit(command))));

test('commands that are queued together share a batch, in the order of their arrival, up to the limit', async () => {
  const { batcher, clock, batches } = setUp();
  const answers = submitAll(
    batcher,
    range(10).map(() => oneUnit()),
  );
  await clock.advance(1000);
  expect(await answers).toEqual(range(10).map((i) => `id ${i + 1}`));
  expect(batches).toEqual([8, 2]);
});

test('a batch stays within the limit of lines, and a larger order makes a batch of its own', async () => {
  const { batcher, clock, batches } = setUp({ maxBatchLines: 5 });
  const withLines = (count: number) => create(range(count).map((i) => line(i + 1, 1)));
  const answers = submitAll(batcher, [withLines(4), withLines(4), withLines(1), withLines(9)]);
  await clock.advance(1000);
  await answers;
  expect(batches).toEqual([1, 2, 1]);
});

test('a full queue refuses the next command at once', async () => {
  const { batcher, clock } = setUp({ maxQueuedCommands: 2 });
  const answers = submitAll(batcher, [oneUnit(), oneUnit(), oneUnit()]);
  await clock.advance(1000);
  expect(await answers).toEqual(['id 1', 'id 2', 'QUEUE_FULL']);
});

for (const failure of ['conflict', 'timeout', 'lost'] as const) {
  test(`a batch that was committed but reported as failed (${failure}) is retried, and finds its orders`, async () => {
    const { batcher, clock, state, loseAnswer } = setUp();
    loseAnswer(failure);
    const answers = submitAll(batcher, [oneUnit(), oneUnit(), oneUnit()]);
    await clock.advance(2000);
    expect(await answers).toEqual(['id 1', 'id 2', 'id 3']);
    expect(state.orders.size).toBe(3);
  });

  test(`a batch that failed before its commit (${failure}) is retried`, async () => {
    const { batcher, clock, state, failNext } = setUp();
    failNext(failure, 2);
    const answers = submitAll(batcher, [oneUnit(), oneUnit()]);
    await clock.advance(2000);
    for (const answer of await answers) expect(answer).toStartWith('id ');
    expect(state.orders.size).toBe(2);
  });
}

test('one poison command in a batch of 64 fails alone', async () => {
  const { batcher, clock, state, poison } = setUp({ maxBatchCommands: 64 });
  const commands = range(64).map(() => oneUnit());
  poison(commands[41] as CreateOrder);
  const submitted = submitAll(batcher, commands);
  await clock.advance(4000);
  const answers = await submitted;
  expect(answers.filter((answer) => !answer?.startsWith('id '))).toHaveLength(1);
  expect(answers[41]).toContain('the update failed: culprit');
  expect(state.orders.size).toBe(63);
});

test('a conflict after many lost connections is retried: the next attempt finds what was committed', async () => {
  const { batcher, clock, failNext } = setUp();
  failNext('lost', 9);
  failNext('conflict');
  const answer = outcomeOf(batcher.submit(oneUnit()));
  await clock.advance(10_000);
  expect(await answer).toStartWith('id ');
});

test('a command that conflicts without end fails', async () => {
  const { batcher, clock, failNext } = setUp();
  failNext('conflict', 30);
  const answer = outcomeOf(batcher.submit(oneUnit({ deadlineMs: clock.nowMs() + 60_000 })));
  await clock.advance(30_000);
  expect(await answer).toContain('the update failed: conflict');
});

test('a timeout halves the next batch', async () => {
  const { batcher, clock, batches, failNext } = setUp();
  failNext('timeout');
  const answers = submitAll(
    batcher,
    range(8).map(() => oneUnit()),
  );
  await clock.advance(2000);
  await answers;
  expect(batches).toEqual([8, 4, 4]);
});

test('a command that is undecided at its deadline is answered NOT_DECIDED', async () => {
  const { batcher, clock, state, failNext } = setUp();
  failNext('lost', 40);
  const answer = outcomeOf(batcher.submit(oneUnit({ deadlineMs: clock.nowMs() + 1000 })));
  await clock.advance(20_000);
  expect(await answer).toBe('NOT_DECIDED');
  expect(state.orders.size).toBe(0);
});

test('a command whose caller goes away while it is queued is not decided', async () => {
  const { batcher, clock, state } = setUp();
  const caller = new AbortController();
  const answer = outcomeOf(batcher.submit(oneUnit(), caller.signal));
  caller.abort();
  await clock.advance(1000);
  expect(await answer).toBe('NOT_DECIDED');
  expect(state.orders.size).toBe(0);
});

test('when callers go away while their batch waits for locks, only the other commands are decided', async () => {
  const { batcher, clock, state, lock } = setUp();
  const unlock = lock();
  const caller = new AbortController();
  const abandoned = oneUnit();
  const late = oneUnit({ deadlineMs: clock.nowMs() + 500 });
  const answers = Promise.all([
    outcomeOf(batcher.submit(abandoned, caller.signal)),
    outcomeOf(batcher.submit(late)),
    outcomeOf(batcher.submit(oneUnit())),
  ]);
  await clock.advance(500);
  caller.abort();
  unlock();
  await clock.advance(1000);
  expect(await answers).toEqual(['NOT_DECIDED', 'NOT_DECIDED', expect.stringContaining('id ')]);
  expect(state.orders.size).toBe(1);
  expect(state.stocks.get(1)?.reserved).toBe(1n);
});

test('payments and creates share a batch', async () => {
  const { batcher, clock, batches, state } = setUp();
  const created = batcher.submit(oneUnit());
  await clock.advance(10);
  const answers = Promise.all([outcomeOf(batcher.submit(pay(await created))), outcomeOf(batcher.submit(oneUnit()))]);
  await clock.advance(1000);
  expect(await answers).toEqual(['ok', 'id 2']);
  expect(batches).toEqual([1, 2]);
  expect(state.stocks.get(1)).toEqual({ total: 99n, held: 0n, reserved: 1n });
});

test('a disposed batcher decides what is queued, and takes nothing new', async () => {
  const { batcher, clock, state } = setUp();
  const answer = outcomeOf(batcher.submit(oneUnit()));
  const disposed = batcher[Symbol.asyncDispose]();
  expect(await outcomeOf(batcher.submit(oneUnit()))).toBe('NOT_DECIDED');
  await clock.advance(1000);
  await disposed;
  expect(await answer).toBe('id 1');
  expect(state.orders.size).toBe(1);
});

test('a disposed batcher still pauses between attempts, and gives up at the cut-off', async () => {
  const cutOff = new AbortController();
  const { batcher, batches, clock, failNext } = setUp({}, cutOff.signal);
  failNext('lost', 1000);
  const answer = outcomeOf(batcher.submit(oneUnit()));
  const disposed = Promise.resolve(batcher[Symbol.asyncDispose]());
  await clock.advance(5_000);
  expect(batches.length).toBeLessThan(50);
  cutOff.abort();
  await clock.advance(1_000);
  await disposed;
  expect(await answer).toBe('NOT_DECIDED');
});

test('two batchers on one store never oversell, and one checkout id makes one order', async () => {
  const clock = createFakeClock();
  const store = createMemoryStore(clock.nowMs);
  store.state.stocks.set(1, { total: 10n, held: 0n, reserved: 0n });
  const deps = { store, clock, random: () => 0.5, log: createLog('loms', 'silent'), onEvents: () => {} };
  const batchers = [startBatcher(deps, LIMITS), startBatcher(deps, LIMITS)];
  const shared = oneUnit({ requestId: '00000000-0000-4000-8000-aaaaaaaaaaaa' });
  const submitted = Promise.all(
    batchers.map((batcher) => submitAll(batcher, [shared, ...range(12).map(() => oneUnit())])),
  );
  await clock.advance(5000);
  const [first = [], second = []] = await submitted;
  expect(first[0]).toBe(second[0]);
  expect(new Set([...first, ...second].filter((answer) => answer?.startsWith('id '))).size).toBe(10);
  expect(store.state.stocks.get(1)).toEqual({ total: 10n, held: 0n, reserved: 10n });
});
