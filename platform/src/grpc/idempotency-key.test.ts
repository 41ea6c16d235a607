import { expect, test } from 'bun:test';

import { AppError } from '../errors/index.ts';
import { createCall } from '../testing/calls.ts';
import { idempotencyKey } from './idempotency-key.ts';

const callWith = (key: string | undefined) =>
  createCall({ headers: key === undefined ? {} : { 'idempotency-key': key } });

test('a key of 1 to 255 visible ASCII characters is accepted, and a call may have none', () => {
  const longest = '~'.repeat(255);
  expect([undefined, '!', 'a-B_9', longest].map((key) => idempotencyKey(callWith(key)))).toEqual([
    undefined,
    '!',
    'a-B_9',
    longest,
  ]);
});

for (const key of ['', ' ', 'a b', 'tab\t', 'ä', 'x\u007f', 'x\0', '~'.repeat(256)]) {
  test(`${JSON.stringify(key.slice(0, 5))}, ${key.length} characters long, is refused as a violation`, () => {
    try {
      idempotencyKey(callWith(key));
      throw new Error('it was accepted');
    } catch (error) {
      expect(error).toBeInstanceOf(AppError);
      const { kind, reason, violations } = error as AppError;
      expect([kind, reason, violations[0]?.field]).toEqual(['invalid-argument', 'INVALID_REQUEST', 'idempotency-key']);
    }
  });
}
