import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { BreakerOpenError, type BreakerState, createBreaker } from './breaker.ts';

class Away extends Error {}
class Refused extends Error {}

function setUp() {
  const clock = createFakeClock();
  const states: BreakerState[] = [];
  let asked = 0;
  const breaker = createBreaker(
    {
      clock,
      judge: (error) => (error instanceof Away ? 'failure' : error instanceof Refused ? 'success' : 'unrelated'),
      onChange: (state) => states.push(state),
    },
    { maxFailures: 3, openMs: 1000 },
  );
  const call = (end: () => Promise<unknown>) =>
    breaker
      .run(() => {
        asked += 1;
        return end();
      })
      .then(
        () => 'answered',
        (error: unknown) => (error instanceof BreakerOpenError ? `open for ${error.retryAfterMs}` : 'failed'),
      );
  const away = () => Promise.reject(new Away());
  const there = () => Promise.resolve();
  const open = async () => {
    for (let i = 0; i < 3; i += 1) await call(away);
  };
  return { clock, breaker, states, call, away, there, open, asked: () => asked };
}

test('as many failures in a row as allowed open the breaker, and then no call passes', async () => {
  const { call, away, there, asked, states } = setUp();
  expect([await call(away), await call(away), await call(there), await call(away), await call(away)]).toEqual([
    'failed',
    'failed',
    'answered',
    'failed',
    'failed',
  ]);
  expect(states).toEqual([]);
  await call(away);
  expect(states).toEqual(['open']);
  expect([await call(there), asked()]).toEqual(['open for 1000', 6]);
});

test('after its pause the breaker lets one probe at a time pass, and an answer closes it', async () => {
  const { clock, call, there, open, asked, states } = setUp();
  await open();
  await clock.advance(999);
  expect(await call(there)).toBe('open for 1');
  await clock.advance(1);
  const probe = Promise.withResolvers<void>();
  const probing = call(() => probe.promise);
  expect(await call(there)).toBe('open for 1000');
  probe.resolve();
  expect(await probing).toBe('answered');
  expect([await call(there), asked(), states]).toEqual(['answered', 5, ['open', 'half-open', 'closed']]);
});

test('a failed probe opens the breaker for another pause', async () => {
  const { clock, call, away, there, open, states } = setUp();
  await open();
  await clock.advance(1000);
  expect(await call(away)).toBe('failed');
  expect(await call(there)).toBe('open for 1000');
  await clock.advance(1000);
  expect(await call(there)).toBe('answered');
  expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
});

test('a probe that was never sent makes room for the next one', async () => {
  const { clock, call, there, open, breaker } = setUp();
  await open();
  await clock.advance(1000);
  expect(await call(() => Promise.reject(new Error('over the limit')))).toBe('failed');
  expect(breaker.state).toBe('half-open');
  expect(await call(there)).toBe('answered');
});

test('a refusal by the destination closes the breaker', async () => {
  const { clock, call, open, breaker } = setUp();
  await open();
  await clock.advance(1000);
  await call(() => Promise.reject(new Refused()));
  expect(breaker.state).toBe('closed');
});

test('a call that began before the breaker opened neither opens nor closes it later', async () => {
  const { clock, call, there, open, breaker } = setUp();
  const late = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const calls = late.map(({ promise }) => call(() => promise));
  await open();
  late[0].resolve();
  await calls[0];
  expect(breaker.state).toBe('open');
  await clock.advance(1000);
  expect(await call(there)).toBe('answered');
  late[1].reject(new Away());
  await calls[1];
  expect(breaker.state).toBe('closed');
});

test('a clock that was set back does not keep the breaker open', async () => {
  let nowMs = 10_000_000;
  const breaker = createBreaker(
    { clock: { nowMs: () => nowMs }, judge: () => 'failure' },
    { maxFailures: 1, openMs: 1000 },
  );
  await breaker.run(() => Promise.reject(new Away())).catch(() => {});
  expect(() => breaker.check()).toThrow(BreakerOpenError);
  nowMs = 0;
  expect(() => breaker.check()).not.toThrow();
});
