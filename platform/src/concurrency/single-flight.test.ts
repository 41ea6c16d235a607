import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { sleep } from './clock.ts';
import { type Flight, createSingleFlight } from './single-flight.ts';

function setUp() {
  const clock = createFakeClock();
  const flights = createSingleFlight<string, string>();
  let runs = 0;
  const work = async ({ signal }: Flight) => {
    runs += 1;
    await sleep(clock, 100, signal);
    return `run ${runs}`;
  };
  return { clock, flights, work, runs: () => runs };
}

const settled = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error: unknown) => String(error),
  );

test('callers of one key share a run, others do not', async () => {
  const { clock, flights, work, runs } = setUp();
  const all = ['a', 'a', 'a', 'b'].map((key) => flights.run(key, work));
  await clock.advance(100);
  const [first, second, third] = await Promise.all(all);
  expect([second, third]).toEqual([first, first]);
  expect(runs()).toBe(2);
});

test('a run that has ended is not joined, also when it failed', async () => {
  const { clock, flights, work, runs } = setUp();
  const failed = settled(flights.run('a', () => Promise.reject(new Error('no'))));
  expect(await failed).toBe('Error: no');
  const next = flights.run('a', work);
  await clock.advance(100);
  expect(await next).toBe('run 1');
  expect(runs()).toBe(1);
});

test('a caller that gives up leaves the others waiting', async () => {
  const { clock, flights, work } = setUp();
  const caller = new AbortController();
  const gone = settled(flights.run('a', work, caller.signal));
  const stays = flights.run('a', work);
  caller.abort(new Error('gone'));
  await clock.advance(100);
  expect(await gone).toBe('Error: gone');
  expect(await stays).toBe('run 1');
});

test('a run is dropped when nobody waits for it any more, and the next caller starts anew', async () => {
  const { clock, flights, work, runs } = setUp();
  const caller = new AbortController();
  const gone = settled(flights.run('a', work, caller.signal));
  caller.abort(new Error('gone'));
  await gone;
  expect(clock.pending).toBe(0);
  const next = flights.run('a', work);
  await clock.advance(100);
  await next;
  expect(runs()).toBe(2);
});

test('a run that has left ends by itself, and a later caller joins it', async () => {
  const { clock, flights, runs } = setUp();
  const caller = new AbortController();
  const sent = async ({ signal, leave }: Flight) => {
    leave();
    await sleep(clock, 100, signal);
    return 'sent';
  };
  const gone = settled(flights.run('a', sent, caller.signal));
  caller.abort(new Error('gone'));
  await gone;
  const joined = flights.run('a', () => Promise.reject(new Error('a second run')));
  await clock.advance(100);
  expect(await joined).toBe('sent');
  expect(runs()).toBe(0);
});
