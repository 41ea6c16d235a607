import { expect, test } from 'bun:test';

import { tallyVersion } from '../version/index.ts';
import { type Program, answerArguments } from './main.ts';

const PROGRAM: Program<unknown> = {
  name: 'example',
  purpose: 'does nothing.',
  read: (reader) => [
    reader.integer('WAIT_MS', 'A pause.', { fallback: 5, min: 0, max: 10, unit: 'ms' }),
    reader.url('DB_URL', 'A database.', ['postgres']),
    reader.optional('NAME', 'A name.'),
  ],
  start: () => Promise.reject(new Error('it must not start')),
};

test('without arguments the program runs', () => {
  expect(answerArguments(PROGRAM, [])).toBeUndefined();
});

test('--help lists every variable with its bounds, unit and default', () => {
  for (const args of [['--help'], ['-h'], ['x', '--help']]) {
    expect(answerArguments(PROGRAM, args)).toEqual({
      text: [
        'example: does nothing.',
        '',
        'Environment variables:',
        '  WAIT_MS  A pause. (0 to 10 ms; default: 5)',
        '  DB_URL   A database. (postgres://; must be set)',
        '  NAME     A name. (default: none)',
      ].join('\n'),
      exitCode: 0,
    });
  }
});

test('--version prints the version of Tally', () => {
  expect(answerArguments(PROGRAM, ['--version'])).toEqual({ text: tallyVersion(), exitCode: 0 });
});

test('any other argument is refused with exit code 1', () => {
  const answer = answerArguments(PROGRAM, ['--port', '1']);
  expect(answer?.exitCode).toBe(1);
  expect(answer?.text).toStartWith(
    "example: unknown argument '--port'; only --help and --version are known.\n\nexample: ",
  );
});
