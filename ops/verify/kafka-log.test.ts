import { expect, test } from 'bun:test';

import type { Transaction } from '@tally/platform/postgres';

import { type KafkaLog, type KafkaReaders, takeKafkaLog } from './kafka-log.ts';

/**
 * Opens a log of two partitions. Each request for the ends adds a record to partition 0, which no group has read by
 * then.
 */
function openBusyLog() {
  const asked: string[] = [];
  let records = 11n;
  const reader: KafkaReaders['events'] = {
    async committed() {
      asked.push('committed');
      return new Map([
        [0, records],
        [1, 3n],
      ]);
    },
    async offsetRanges() {
      asked.push('offsetRanges');
      records += 1n;
      return new Map([
        [0, { first: 2n, end: records }],
        [1, { first: 0n, end: 3n }],
      ]);
    },
    leaders: () => Promise.reject(new Error('verify does not ask for leaders')),
    async *read(partition, from, below) {
      asked.push(`${partition}: ${from} to ${below}`);
      yield [];
    },
    async [Symbol.asyncDispose]() {},
  };
  const tx = { query: async () => ({ rows: [] }) };
  const readers: KafkaReaders = { events: reader, deadLetters: reader, async [Symbol.asyncDispose]() {} };
  return { readers, tx: tx as unknown as Transaction, asked };
}

const isFetch = (request: string) => request.includes(':');

test('committed offsets are read before the ends, so that no group seems to have read past the end', async () => {
  const { readers, tx, asked } = openBusyLog();
  await takeKafkaLog(readers, tx);
  expect([...new Set(asked)]).toEqual(['committed', 'offsetRanges']);
  expect(asked.at(-1)).toBe('offsetRanges');
});

const fetches: [name: string, fetch: (log: KafkaLog) => Promise<void>, ranges: string[]][] = [
  ['the unread records, of which partition 1 has none', (log) => log.fetchUnread(), ['0: 11 to 12']],
  ['the newest records', (log) => log.fetchNewest(4), ['0: 8 to 12', '1: 0 to 3']],
  ['all records', (log) => log.fetchAll(), ['0: 2 to 12', '1: 0 to 3']],
  ['a range that begins before the first record', (log) => log.fetchRange(0, 0n, 5n), ['0: 2 to 5']],
];
for (const [name, fetch, ranges] of fetches) {
  test(`fetches ${name} only once`, async () => {
    const { readers, tx, asked } = openBusyLog();
    const log = await takeKafkaLog(readers, tx);
    await fetch(log);
    await fetch(log);
    expect(asked.filter(isFetch)).toEqual(ranges);
  });
}

test('named records are fetched in few ranges, with the first record of each partition', async () => {
  const { readers, tx, asked } = openBusyLog();
  const log = await takeKafkaLog(readers, tx);
  const named = [4, 9, 6].map((log_offset) => ({ log_partition: 0, log_offset }));
  await log.fetchNamed(JSON.stringify([...named, { log_partition: 1, log_offset: null }]));
  expect(asked.filter(isFetch)).toEqual(['0: 2 to 3', '1: 0 to 1', '0: 4 to 10']);
});
