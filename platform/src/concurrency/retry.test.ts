import { describe, expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { type RetryOptions, createRetryBudget, retry } from './retry.ts';

const OPTIONS = { maxTries: 4, firstPauseMs: 100, maxPauseMs: 300, isRetryable: () => true };

/** Work whose first `failures` attempts fail with their number. `tries` lists when each attempt began. */
function setUp(failures: number, more: Partial<RetryOptions> = {}, random = () => 1) {
  const clock = createFakeClock();
  const startMs = clock.nowMs();
  const tries: number[] = [];
  const work = async () => {
    tries.push(clock.nowMs() - startMs);
    if (tries.length <= failures) throw new Error(`failure ${tries.length}`);
    return 'done';
  };
  const run = () => retry({ clock, random }, { ...OPTIONS, ...more }, work).catch((error: unknown) => String(error));
  return { clock, startMs, tries, run };
}

test('retries until the work succeeds, with pauses that double up to their bound', async () => {
  const { clock, tries, run } = setUp(3);
  const outcome = run();
  await clock.advance(10_000);
  expect(await outcome).toBe('done');
  expect(tries).toEqual([0, 100, 300, 600]);
});

test('each pause is a random part of its upper bound', async () => {
  const { clock, tries, run } = setUp(3, {}, () => 0.5);
  const outcome = run();
  await clock.advance(10_000);
  await outcome;
  expect(tries).toEqual([0, 50, 150, 300]);
});

test('rejects with the last error after the maximum number of attempts', async () => {
  const { clock, tries, run } = setUp(9);
  const outcome = run();
  await clock.advance(10_000);
  expect(await outcome).toBe('Error: failure 4');
  expect(tries).toHaveLength(4);
});

test('an error that is not retryable is final', async () => {
  const { clock, tries, run } = setUp(9, { isRetryable: (error) => String(error) !== 'Error: failure 2' });
  const outcome = run();
  await clock.advance(10_000);
  expect(await outcome).toBe('Error: failure 2');
  expect(tries).toHaveLength(2);
});

test('a pause that would end after the deadline is not begun', async () => {
  const { clock, startMs, tries, run } = setUp(9, { deadlineMs: Date.parse('2026-11-24T12:00:00Z') + 299 });
  expect(startMs).toBe(Date.parse('2026-11-24T12:00:00Z'));
  const outcome = run();
  await clock.advance(100);
  expect(await outcome).toBe('Error: failure 2');
  expect([tries, clock.pending]).toEqual([[0, 100], 0]);
});

test('the signal ends a pause, and a signal that has already aborted prevents the first attempt', async () => {
  const caller = new AbortController();
  const { clock, tries, run } = setUp(9, { signal: caller.signal });
  const outcome = run();
  await clock.advance(50);
  caller.abort(new Error('gone'));
  expect(await outcome).toBe('Error: gone');
  expect(await run()).toBe('Error: gone');
  expect([tries, clock.pending]).toEqual([[0], 0]);
});

describe('a budget', () => {
  test('bounds the retries of all calls to a share of them', async () => {
    const clock = createFakeClock();
    const budget = createRetryBudget({ callsPerRetry: 10, maxSavedRetries: 5 });
    let tries = 0;
    const fail = async () => {
      tries += 1;
      throw new Error('down');
    };
    for (let call = 0; call < 1000; call += 1) {
      const failed = retry({ clock, random: () => 0, budget }, OPTIONS, fail).catch((error: unknown) => String(error));
      await clock.advance(0);
      expect(await failed).toBe('Error: down');
    }
    expect(tries - 1000).toBeGreaterThan(1000 / 10);
    expect(tries - 1000).toBeLessThanOrEqual(1000 / 10 + 5);
  });

  test('saves no more retries than its bound, however many calls succeed', () => {
    const budget = createRetryBudget({ callsPerRetry: 10, maxSavedRetries: 2 });
    for (let i = 0; i < 1000; i += 1) budget.noteCall();
    expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false]);
    for (let i = 0; i < 9; i += 1) budget.noteCall();
    expect(budget.take()).toBe(false);
    budget.noteCall();
    expect(budget.take()).toBe(true);
  });
});
