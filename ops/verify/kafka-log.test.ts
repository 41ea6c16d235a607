import { expect, test } from 'bun:test';

import type { Transaction } from '@tally/platform/postgres';

import { type KafkaReaders, takeKafkaLog } from './kafka-log.ts';

/** A log of two partitions that goes on while it is read: each look finds one more record, read and committed. */
function openBusyLog() {
  const asked: string[] = [];
  let records = 10n;
  const reader: KafkaReaders['events'] = {
    async committed() {
      asked.push('committed');
      records += 1n;
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
    leaders: () => Promise.reject(new Error('nobody asks for leaders')),
    async *read(partition, from, below) {
      asked.push(`${partition}: ${from} to ${below}`);
      yield [];
    },
    async [Symbol.asyncDispose]() {},
  };
  const rows: unknown[][] = [];
  const tx = { query: async (_sql: string, values: unknown[] = []) => (rows.push(values), { rows: [] }) };
  const readers: KafkaReaders = { events: reader, deadLetters: reader, async [Symbol.asyncDispose]() {} };
  return { readers, tx: tx as unknown as Transaction, asked, rows };
}

test('what the group has committed is read before the ends: a busy log never looks committed past its end', async () => {
  const { readers, tx, asked } = openBusyLog();
  await takeKafkaLog(readers, tx);
  expect(asked).toEqual(['committed', 'offsetRanges']);
});

test('brings of each partition just what is asked for, within what it holds', async () => {
  for (const [needs, ranges] of [
    // Partition 1 is read to its end.
    [{ kind: 'unread' }, ['0: 11 to 12']],
    [{ kind: 'newest', records: 4 }, ['0: 8 to 12', '1: 0 to 3']],
    [{ kind: 'all' }, ['0: 2 to 12', '1: 0 to 3']],
    [{ kind: 'range', partition: 0, from: 0n, below: 5n }, ['0: 2 to 5']],
    [{ kind: 'none' }, []],
  ] as const) {
    const { readers, tx, asked } = openBusyLog();
    const log = await takeKafkaLog(readers, tx);
    await log.bring(needs);
    expect(asked.slice(2)).toEqual([...ranges]);
    // What was brought is not read again.
    await log.bring(needs);
    expect(asked.slice(2)).toEqual([...ranges]);
  }
});

test('named records are read in few goes: neighbours together, far ones apart, and the first of each partition', async () => {
  const { readers, tx, asked } = openBusyLog();
  const log = await takeKafkaLog(readers, tx);
  const named = [4, 9, 6].map((log_offset) => ({ log_partition: 0, log_offset }));
  await log.bring({ kind: 'named', json: JSON.stringify([...named, { log_partition: 1, log_offset: null }]) });
  expect(asked.slice(2)).toEqual(['0: 2 to 3', '1: 0 to 1', '0: 4 to 10']);
});
