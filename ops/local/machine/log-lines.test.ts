import { expect, test } from 'bun:test';

import { mergeByTime } from './log-lines.ts';

test('lines of JSON, PostgreSQL, Kafka and Redis are merged in the order of their time', () => {
  const cart = ['{"time":"2026-11-24T10:00:02.000Z","msg":"b"}', '    at somewhere', '{"time":"2026-11-24T10:00:05Z"}'];
  const kafka = ['2026-11-24T10:00:04.000Z [main] WARN kafka.Kafka - d'];
  const postgres = ['2026-11-24 10:00:01.500 UTC [7] LOG:  a', '2026-11-24 10:00:03.000 UTC [7] LOG:  c'];
  const redis = ['7:M 24 Nov 2026 10:00:04.000 * d'];
  expect(
    mergeByTime([
      { name: 'redis', lines: redis },
      { name: 'cart', lines: cart },
      { name: 'postgres', lines: postgres },
      { name: 'kafka', lines: kafka },
    ]).map(({ line }) => line),
  ).toEqual([postgres[0]!, cart[0]!, cart[1]!, postgres[1]!, redis[0]!, kafka[0]!, cart[2]!]);
});
