import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { sleep } from './clock.ts';
import { startEvery } from './every.ts';

function setUp(workMs: number, options = {}) {
  const clock = createFakeClock();
  const startMs = clock.nowMs();
  const begun: number[] = [];
  const errors: unknown[] = [];
  let answer: boolean | Error = false;
  const loop = startEvery(
    { clock, random: () => 0.5, onError: (error) => errors.push(error) },
    { intervalMs: 100, ...options },
    async (signal) => {
      begun.push(clock.nowMs() - startMs);
      await sleep(clock, workMs, signal).catch(() => {});
      if (answer instanceof Error) throw answer;
      return answer;
    },
  );
  return { clock, begun, errors, loop, answerWith: (next: boolean | Error) => (answer = next) };
}

test('runs at once, and again an interval after the end of each run', async () => {
  const { clock, begun, loop } = setUp(30);
  await clock.advance(300);
  expect(begun).toEqual([0, 130, 260]);
  const stopped = loop[Symbol.asyncDispose]();
  await clock.advance(0);
  await stopped;
});

test('continues after a failure and reports it', async () => {
  const { clock, begun, errors, answerWith } = setUp(0);
  answerWith(new Error('broken'));
  await clock.advance(250);
  expect([begun.length, errors.length]).toEqual([3, 3]);
});

test('runs again without a pause while the work leaves something undone', async () => {
  const { clock, begun, answerWith } = setUp(10);
  answerWith(true);
  await clock.advance(35);
  expect(begun).toEqual([0, 10, 20, 30]);
});

test('wake ends the pause, and during a run it lets another run follow', async () => {
  const { clock, begun, loop } = setUp(10);
  await clock.advance(50);
  loop.wake();
  await clock.advance(5);
  loop.wake();
  await clock.advance(40);
  expect(begun).toEqual([0, 50, 60]);
});

test('the shortest pause holds even when the loop is woken', async () => {
  const { clock, begun, loop } = setUp(0, { minPauseMs: 20 });
  for (let i = 0; i < 10; i += 1) {
    loop.wake();
    await clock.advance(5);
  }
  expect(begun).toEqual([0, 20, 40]);
});

test('disposing aborts the signal, waits for the run, and leaves no timer', async () => {
  const { clock, begun, loop } = setUp(1000);
  await clock.advance(10);
  const stopped = loop[Symbol.asyncDispose]();
  await clock.advance(0);
  await stopped;
  expect([begun.length, clock.pending]).toEqual([1, 0]);
});
