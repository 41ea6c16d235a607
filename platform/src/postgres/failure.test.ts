import { describe, expect, test } from 'bun:test';

import { AppError } from '../errors/index.ts';
import { failureOf, toAppError } from './failure.ts';

const withCode = (code: string) => Object.assign(new Error(`SQLSTATE ${code}`), { code });

describe('failureOf', () => {
  for (const [failure, errors] of [
    ['conflict', [withCode('23505'), withCode('40001'), withCode('40P01')]],
    ['timeout', [withCode('57014'), withCode('55P03'), withCode('25P04'), new Error('Query read timeout')]],
    ['data', [withCode('22021'), withCode('22003'), withCode('23503'), withCode('23514')]],
    [
      'lost',
      [
        withCode('08006'),
        withCode('57P01'),
        withCode('53300'),
        withCode('3D000'),
        withCode('ECONNREFUSED'),
        withCode('EPIPE'),
        new Error('Connection terminated unexpectedly'),
        new Error('timeout exceeded when trying to connect'),
      ],
    ],
    ['bug', [withCode('42P01'), withCode('42601'), new TypeError('x is undefined'), 'text', undefined]],
  ] as const) {
    for (const error of errors) {
      test(`${error instanceof Error ? error.message : String(error)} is ${failure}`, () => {
        expect(failureOf(error)).toBe(failure);
        expect(failureOf(new AppError('unavailable', 'away', { cause: error }))).toBe(failure);
      });
    }
  }
});

describe('toAppError', () => {
  test('makes a lost connection and a timeout unavailable, with the cause', () => {
    for (const cause of [withCode('08006'), withCode('57014')]) {
      expect(toAppError(cause)).toMatchObject({
        kind: 'unavailable',
        reason: 'DATABASE_UNAVAILABLE',
        message: 'the database does not answer',
        retryAfterMs: 1000,
        cause,
      });
    }
  });

  test('leaves every other error, and an AppError, as it is', () => {
    const refusal = new AppError('not-found', 'nothing', { cause: withCode('08006') });
    for (const error of [withCode('23505'), withCode('22021'), new TypeError('x'), refusal, 'text']) {
      expect(toAppError(error)).toBe(error);
    }
  });
});
