import { expect, test } from 'bun:test';

import { BreakerOpenError, createBreaker } from '../concurrency/index.ts';
import { METHOD } from '../testing/calls.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { judgeCall, refuseWhileOpen, watch } from './client-breaker.ts';
import { Code, RpcError } from './rpc-error.ts';

const failWith = (code: Code) => new RpcError({ code, message: Code[code] });

function setUp() {
  const clock = createFakeClock();
  const breaker = createBreaker({ clock, judge: judgeCall }, { maxFailures: 2, openMs: 1000 });
  let sent = 0;
  let answer: () => Promise<unknown> = async () => 'answer';
  const server = () => {
    sent += 1;
    return answer();
  };
  const outcomeOf = (call: Promise<unknown>) => call.catch((error: unknown) => error);
  return {
    clock,
    watched: () => outcomeOf(watch(breaker)(server, METHOD)({}, {})),
    refusing: () => outcomeOf(refuseWhileOpen(breaker)(server, METHOD)({}, {})),
    answerWith: (next: () => Promise<unknown>) => (answer = next),
    sent: () => sent,
  };
}

test('watch counts failures, and sends nothing once the breaker is open', async () => {
  const { watched, answerWith, sent } = setUp();
  answerWith(() => Promise.reject(failWith(Code.UNAVAILABLE)));
  expect([await watched(), await watched()]).toMatchObject([{ code: Code.UNAVAILABLE }, { code: Code.UNAVAILABLE }]);
  expect(await watched()).toBeInstanceOf(BreakerOpenError);
  expect(sent()).toBe(2);
});

test('refuseWhileOpen refuses calls without counting their outcome', async () => {
  const { clock, watched, refusing, answerWith, sent } = setUp();
  answerWith(() => Promise.reject(failWith(Code.UNAVAILABLE)));
  for (let i = 0; i < 5; i += 1) expect(await refusing()).toMatchObject({ code: Code.UNAVAILABLE });
  await watched();
  await watched();
  expect(await refusing()).toBeInstanceOf(BreakerOpenError);
  expect(sent()).toBe(7);
  await clock.advance(1000);
  answerWith(async () => 'back');
  expect(await refusing()).toBe('back');
});

test('judgeCall takes silence for a failure, any answer for a success, and an error of our own for neither', () => {
  expect(judgeCall(failWith(Code.UNAVAILABLE))).toBe('failure');
  expect(judgeCall(failWith(Code.DEADLINE_EXCEEDED))).toBe('failure');
  for (const code of [Code.NOT_FOUND, Code.RESOURCE_EXHAUSTED, Code.INTERNAL, Code.CANCELLED]) {
    expect(judgeCall(failWith(code))).toBe('success');
  }
  expect(judgeCall(new Error('the limit is reached'))).toBe('unrelated');
});
