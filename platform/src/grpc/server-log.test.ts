import { expect, test } from 'bun:test';

import { AppError } from '../errors/index.ts';
import { type LogLevel, createLog } from '../telemetry/index.ts';
import { METHOD, createCall } from '../testing/calls.ts';
import { InternalError } from './server-errors.ts';
import { logCalls } from './server-log.ts';

/** Resolves with the lines that one call logs. */
async function linesOf(answer: () => Promise<unknown>, level: LogLevel = 'debug'): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const log = createLog('example', level, { write: (line) => void lines.push(line) });
  await logCalls(log)(answer, METHOD)({}, createCall()).catch(() => {});
  return lines.map((line) => JSON.parse(line));
}

const NAME = 'grpc.health.v1.Health/Check';

test('a call that is answered is one line at debug, and none at info', async () => {
  expect(await linesOf(async () => 'answer')).toMatchObject([{ level: 'debug', method: NAME, ms: expect.any(Number) }]);
  expect(await linesOf(async () => 'answer', 'info')).toEqual([]);
});

test('a refusal is one line at debug, with its kind and reason', async () => {
  const refuse = () => Promise.reject(new AppError('not-found', 'nothing here', { reason: 'NOTHING' }));
  expect(await linesOf(refuse)).toMatchObject([{ level: 'debug', method: NAME, kind: 'not-found', reason: 'NOTHING' }]);
  expect(await linesOf(refuse, 'info')).toEqual([]);
});

test('an unavailable dependency is one line at warn, with the messages of its causes', async () => {
  const cause = new Error('the socket broke', { cause: new Error('ECONNRESET') });
  const fail = () => Promise.reject(new AppError('unavailable', 'away', { cause }));
  expect(await linesOf(fail, 'warn')).toMatchObject([
    { level: 'warn', method: NAME, kind: 'unavailable', because: ['the socket broke', 'ECONNRESET'] },
  ]);
});

test('an internal error is not logged again', async () => {
  expect(await linesOf(() => Promise.reject(new InternalError('internal error')))).toEqual([]);
});
