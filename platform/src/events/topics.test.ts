import { expect, test } from 'bun:test';

import { AppError } from '../errors/index.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createMemoryLog } from './memory.ts';
import { withTopics } from './topics.ts';

const event = { topic: 't', key: 'a', value: new Uint8Array(), headers: {} };

/** Returns a log that is unavailable for the first attempts to create a topic. */
function createUnavailableLog(failedAttempts: number) {
  const clock = createFakeClock();
  const errors: unknown[] = [];
  const deps = { clock, onError: (error: unknown) => void errors.push(error) };
  const log = createMemoryLog(deps);
  let failuresLeft = failedAttempts;
  const unavailableLog: typeof log = {
    ...log,
    async ensureTopic(topic, partitions) {
      if (failuresLeft > 0) {
        failuresLeft -= 1;
        throw new AppError('unavailable', 'the log does not answer');
      }
      await log.ensureTopic(topic, partitions);
    },
  };
  return { clock, errors, deps, log: unavailableLog };
}

test('topics of an unavailable log are created later, and publishing to them is unavailable until then', async () => {
  const { clock, errors, deps, log } = createUnavailableLog(2);
  await using withT = await withTopics(deps, log, [{ topic: 't', partitions: 1 }]);
  await expect(withT.publish([event])).rejects.toThrow('the log has no topic t yet');
  await clock.advance(2_000);
  await expect(withT.publish([event])).rejects.toMatchObject({ kind: 'unavailable' });
  await clock.advance(2_000);
  expect(await withT.publish([event])).toEqual([{ partition: 0, offset: 0n }]);
  expect(errors).toHaveLength(2);
});

test('a log that does not answer delays the start by one second', async () => {
  const { clock, deps, log } = createUnavailableLog(0);
  const silentLog = { ...log, ensureTopic: () => new Promise<void>(() => {}) };
  let isOpen = false;
  void withTopics(deps, silentLog, [{ topic: 't', partitions: 1 }]).then(() => (isOpen = true));
  await clock.advance(900);
  expect(isOpen).toBe(false);
  await clock.advance(100);
  expect(isOpen).toBe(true);
});

test('a topic with another number of partitions fails the start', async () => {
  const { deps, log } = createUnavailableLog(0);
  await log.ensureTopic('t', 3);
  await expect(withTopics(deps, log, [{ topic: 't', partitions: 2 }])).rejects.toThrow(
    'topic t has 3 partitions, not 2',
  );
});
