import { expect, test } from 'bun:test';

import { readConfig } from '../config/index.ts';
import { AppError } from '../errors/index.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createMemoryLog } from './log-memory.ts';
import { readEventLogConfig, withTopics } from './open-log.ts';

const read = (env: Readonly<Record<string, string>>) =>
  readConfig(env, (reader) => readEventLogConfig(reader, 'notifier', 10081));
const event = { topic: 't', key: 'a', value: new Uint8Array(), headers: {} };

/** A log that is away for the first tries. */
function awayFor(tries: number) {
  const clock = createFakeClock();
  const failures: unknown[] = [];
  const deps = { clock, random: () => 0.5, onError: (error: unknown) => void failures.push(error) };
  const log = createMemoryLog(deps);
  let left = tries;
  const away: typeof log = {
    ...log,
    async ensureTopic(topic, partitions) {
      if (left > 0) {
        left -= 1;
        throw new AppError('unavailable', 'away');
      }
      await log.ensureTopic(topic, partitions);
    },
  };
  return { clock, failures, deps, log: away };
}

test('KAFKA_BROKERS makes Kafka the log, with three replicas of which two must have an event', () => {
  const { logUrl, kafka } = read({ KAFKA_BROKERS: 'a:1,b:2', NOTIFIER_INSTANCE: 'notifier@1' });
  expect(logUrl).toBeUndefined();
  expect(kafka).toEqual({
    brokers: ['a:1', 'b:2'],
    replicationFactor: 3,
    minInSyncReplicas: 2,
    instance: 'notifier-1',
  });
});

test('without KAFKA_BROKERS the log is on PostgreSQL; neither, or a wrong one, is a fault that is listed', () => {
  expect(read({ LOG_DATABASE_URL: 'postgres://h/log' })).toEqual({ logUrl: 'postgres://h/log' });
  expect(() => read({})).toThrow('LOG_DATABASE_URL is not set');
  expect(() => read({ KAFKA_BROKERS: 'nowhere' })).toThrow("KAFKA_BROKERS is 'nowhere'");
  expect(() => read({ KAFKA_BROKERS: 'a:1', KAFKA_REPLICATION_FACTOR: '1', KAFKA_MIN_INSYNC_REPLICAS: '2' })).toThrow(
    'KAFKA_MIN_INSYNC_REPLICAS',
  );
});

test('a log that is away delays nothing: its topics are made later, and until then nothing is published', async () => {
  const { clock, failures, deps, log } = awayFor(2);
  await using topics = await withTopics(deps, log, [{ topic: 't', partitions: 1 }]);
  await expect(topics.publish([event])).rejects.toThrow('the log has no topic t yet');
  await clock.advance(2_000);
  await expect(topics.publish([event])).rejects.toMatchObject({ kind: 'unavailable' });
  await clock.advance(2_000);
  expect(await topics.publish([event])).toEqual([{ partition: 0, offset: 0n }]);
  expect(failures).toHaveLength(2);
});

test('a log that does not answer delays the start for a second', async () => {
  const { clock, deps, log } = awayFor(0);
  const silent = { ...log, ensureTopic: () => new Promise<void>(() => {}) };
  let isOpen = false;
  void withTopics(deps, silent, [{ topic: 't', partitions: 1 }]).then(() => (isOpen = true));
  await clock.advance(900);
  expect(isOpen).toBe(false);
  await clock.advance(100);
  expect(isOpen).toBe(true);
});

test('a topic in another form ends the start', async () => {
  const { deps, log } = awayFor(0);
  await log.ensureTopic('t', 3);
  await expect(withTopics(deps, log, [{ topic: 't', partitions: 2 }])).rejects.toThrow(
    'topic t has 3 partitions, not 2',
  );
});
