import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { sleep } from './clock.ts';
import { createRandom } from './random.ts';
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

test('callers with the same key share a run, others do not', async () => {
  const { clock, flights, work, runs } = setUp();
  const all = ['a', 'a', 'a', 'b'].map((key) => flights.run(key, work));
  await clock.advance(100);
  const [first, second, third] = await Promise.all(all);
  expect([second, third]).toEqual([first, first]);
  expect(runs()).toBe(2);
});

test('a run that has ended is not joined, even when it failed', async () => {
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

test('a run is cancelled when nobody waits for it any more, and the next caller starts a new one', async () => {
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

test('a run that must not be cancelled continues without callers, and a later caller joins it', async () => {
  const { clock, flights, runs } = setUp();
  const caller = new AbortController();
  const sent = async ({ signal, preventCancel }: Flight) => {
    preventCancel();
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

test('a run that ended while nobody waited is not joined', async () => {
  const { clock, flights, work } = setUp();
  const caller = new AbortController();
  const sent = async ({ preventCancel }: Flight) => {
    preventCancel();
    await sleep(clock, 100);
    return 'sent';
  };
  const gone = settled(flights.run('a', sent, caller.signal));
  caller.abort(new Error('gone'));
  await gone;
  await clock.advance(100);
  const next = flights.run('a', work);
  await clock.advance(100);
  expect(await next).toBe('run 1');
});

test('a run that may be cancelled again is cancelled when nobody waits', async () => {
  const { clock, flights, runs } = setUp();
  const caller = new AbortController();
  let ended: unknown;
  const sentTwice = async ({ signal, preventCancel, allowCancel }: Flight) => {
    preventCancel();
    await sleep(clock, 100, signal);
    allowCancel();
    ended = await settled(sleep(clock, 100, signal));
    return 'sent twice';
  };
  const gone = settled(flights.run('a', sentTwice, caller.signal));
  caller.abort(new Error('gone'));
  await gone;
  await clock.advance(100);
  expect(ended).toStartWith('AbortError');
  expect([clock.pending, runs()]).toEqual([0, 0]);
});

test('a run that may be cancelled again continues while a caller waits', async () => {
  const { clock, flights } = setUp();
  const sentTwice = async ({ signal, preventCancel, allowCancel }: Flight) => {
    preventCancel();
    await sleep(clock, 100, signal);
    allowCancel();
    await sleep(clock, 100, signal);
    return 'sent twice';
  };
  const stays = flights.run('a', sentTwice);
  await clock.advance(200);
  expect(await stays).toBe('sent twice');
});

test('work that throws synchronously is a failed run like any other', async () => {
  const { clock, flights, work } = setUp();
  const broken = () => {
    throw new Error('no');
  };
  expect(await settled(flights.run('a', broken))).toBe('Error: no');
  const next = flights.run('a', work);
  await clock.advance(100);
  expect(await next).toBe('run 1');
});

test('a caller whose signal has already aborted starts nothing', async () => {
  const { flights, work, runs } = setUp();
  expect(await settled(flights.run('a', work, AbortSignal.abort(new Error('gone'))))).toBe('Error: gone');
  expect(runs()).toBe(0);
});

test('with random waits, every caller gets the result or its own reason, and no run outlives its callers', async () => {
  for (let seed = 0; seed < 30; seed += 1) {
    const clock = createFakeClock();
    const flights = createSingleFlight<number, number>();
    const random = createRandom(seed);
    const callers = new Map<number, number>();
    const running = new Map<number, number>();
    const note = (counts: Map<number, number>, key: number, by: number) => counts.set(key, (counts.get(key) ?? 0) + by);
    const calls = Array.from({ length: 60 }, async (_, caller) => {
      await sleep(clock, random() * 1000);
      const key = Math.floor(random() * 3);
      const patience = new AbortController();
      if (random() < 0.5) clock.schedule(random() * 150, () => patience.abort(new Error(`patience of ${caller}`)));
      note(callers, key, 1);
      const work = async ({ signal }: Flight) => {
        note(running, key, 1);
        expect(running.get(key)).toBe(1);
        try {
          await sleep(clock, random() * 100, signal);
          if (random() < 0.2) throw new Error(`failure of ${key}`);
          return key;
        } finally {
          note(running, key, -1);
        }
      };
      const answer = await settled(flights.run(key, work, patience.signal));
      note(callers, key, -1);
      expect([key, `Error: failure of ${key}`, `Error: patience of ${caller}`]).toContain(answer as string);
      if (callers.get(key) === 0) expect(running.get(key)).toBe(0);
    });
    await clock.advance(3000);
    await Promise.all(calls);
  }
});
