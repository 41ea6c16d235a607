import { expect, test } from 'bun:test';

import { AppError } from '../errors/index.ts';
import type { Call } from './handler.ts';
import { idempotencyKey } from './idempotency-key.ts';

const callWith = (key: string | undefined): Call => ({
  signal: new AbortController().signal,
  deadlineMs: 0,
  header: (name) => (name === 'idempotency-key' ? key : undefined),
});

test('a key of 1 to 255 visible ASCII characters is taken as it is; without one there is none', () => {
  const longest = '~'.repeat(255);
  expect([undefined, '!', 'a-B_9', longest].map((key) => idempotencyKey(callWith(key)))).toEqual([
    undefined,
    '!',
    'a-B_9',
    longest,
  ]);
});

for (const key of ['', ' ', 'a b', 'tab\t', 'ä', 'x\u007f', 'x\0', '~'.repeat(256)]) {
  test(`${JSON.stringify(key.slice(0, 5))}, ${key.length} long, is refused as a wrong field`, () => {
    try {
      idempotencyKey(callWith(key));
      throw new Error('it was taken');
    } catch (error) {
      expect(error).toBeInstanceOf(AppError);
      const { kind, reason, violations } = error as AppError;
      expect([kind, reason, violations[0]?.field]).toEqual(['invalid-argument', 'INVALID_REQUEST', 'idempotency-key']);
    }
  });
}
