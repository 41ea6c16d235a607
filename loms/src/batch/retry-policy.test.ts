import { describe, expect, test } from 'bun:test';

import type { UpdateFailure } from '../store/store.ts';
import { createRetryPolicy } from './retry-policy.ts';

/** Fails a batch of `batchLength` commands with each of the failures in turn. Returns the pauses. */
function failWith(policy: ReturnType<typeof createRetryPolicy>, batchLength: number, failures: UpdateFailure[]) {
  return failures.map((failure) => policy.onFailure(failure, batchLength));
}

const times = (count: number, failure: UpdateFailure) => Array.from({ length: count }, () => failure);

describe('after one failure', () => {
  const table: [UpdateFailure, batchLimit: number, pauseMs: number][] = [
    ['conflict', 8, 20],
    ['timeout', 4, 20],
    ['lost', 8, 20],
    ['culprit', 4, 0],
  ];
  for (const [failure, batchLimit, pauseMs] of table) {
    test(`${failure}: at most ${batchLimit} commands after ${pauseMs} ms`, () => {
      const policy = createRetryPolicy(8, () => 1);
      expect(failWith(policy, 8, [failure])).toEqual([pauseMs]);
      expect(policy.batchLimit).toBe(batchLimit);
    });
  }
});

test('pauses double up to 500 ms, and begin anew after a success', () => {
  const policy = createRetryPolicy(8, () => 1);
  expect(failWith(policy, 1, times(7, 'lost'))).toEqual([20, 40, 80, 160, 320, 500, 500]);
  policy.onSuccess();
  expect(failWith(policy, 1, ['lost'])).toEqual([20]);
});

test('a pause is shortened at random by up to a half', () => {
  expect(createRetryPolicy(8, () => 0).onFailure('lost', 1)).toBe(10);
});

test('a success doubles the batch limit, up to the maximum', () => {
  const policy = createRetryPolicy(8, () => 1);
  failWith(policy, 4, ['culprit']);
  const limits = [1, 2, 3].map(() => {
    policy.onSuccess();
    return policy.batchLimit;
  });
  expect(limits).toEqual([4, 8, 8]);
});

test('a single command that is the culprit is not retried', () => {
  expect(createRetryPolicy(8, () => 1).onFailure('culprit', 1)).toBeUndefined();
});

test('more than eight conflicts in a row are the fault of a command', () => {
  const policy = createRetryPolicy(8, () => 1);
  expect(failWith(policy, 2, times(8, 'conflict'))).not.toContain(0);
  expect(failWith(policy, 2, ['conflict'])).toEqual([0]);
  expect(policy.batchLimit).toBe(1);
  expect(failWith(policy, 1, ['conflict'])).toEqual([undefined]);
});

test('after a command was rejected for its conflicts, the next one is retried as often', () => {
  const policy = createRetryPolicy(8, () => 1);
  failWith(policy, 1, times(9, 'conflict'));
  expect(failWith(policy, 1, ['conflict'])).toEqual([20]);
});

test('other failures between conflicts begin the count anew', () => {
  const policy = createRetryPolicy(8, () => 1);
  failWith(policy, 2, [...times(8, 'conflict'), 'lost', ...times(8, 'conflict')]);
  expect(policy.batchLimit).toBe(8);
});
