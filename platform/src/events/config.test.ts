import { expect, test } from 'bun:test';

import { readConfig } from '../config/index.ts';
import { readEventLogConfig } from './config.ts';

const read = (env: Readonly<Record<string, string>>) =>
  readConfig(env, (reader) => readEventLogConfig(reader, 'notifier', 10081));

test('KAFKA_BROKERS selects Kafka, with three replicas of which two must have an event', () => {
  const { logUrl, kafka } = read({ KAFKA_BROKERS: 'a:1,b:2', NOTIFIER_INSTANCE: 'notifier@1' });
  expect(logUrl).toBeUndefined();
  expect(kafka).toEqual({
    brokers: ['a:1', 'b:2'],
    replicationFactor: 3,
    minInSyncReplicas: 2,
    instance: 'notifier-1',
  });
});

test('without KAFKA_BROKERS the log is on PostgreSQL', () => {
  expect(read({ LOG_DATABASE_URL: 'postgres://h/log' })).toEqual({ logUrl: 'postgres://h/log' });
});

test('a missing log and malformed values are listed as faults', () => {
  expect(() => read({})).toThrow('LOG_DATABASE_URL is not set');
  expect(() => read({ KAFKA_BROKERS: 'nowhere' })).toThrow("KAFKA_BROKERS is 'nowhere'");
  expect(() => read({ KAFKA_BROKERS: 'a:1', KAFKA_REPLICATION_FACTOR: '1', KAFKA_MIN_INSYNC_REPLICAS: '2' })).toThrow(
    'KAFKA_MIN_INSYNC_REPLICAS',
  );
});
