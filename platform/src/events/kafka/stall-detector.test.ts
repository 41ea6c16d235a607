import { expect, test } from 'bun:test';

import { createStallDetector } from './stall-detector.ts';

const look = (fetchOffset: bigint, { bufferedEvents = 0, end = 10n } = {}) => [
  { partition: 4, fetchOffset, bufferedEvents, end },
];

test('a partition that has records to fetch but brings none is stalled at the fourth look', () => {
  const findStalled = createStallDetector();
  expect([1, 2, 3, 4].map(() => findStalled(look(5n)))).toEqual([undefined, undefined, undefined, 4]);
});

test('a partition that advances, is read to its end, or has a full buffer, is not stalled', () => {
  const findStalled = createStallDetector();
  for (let offset = 0n; offset < 8n; offset += 1n) expect(findStalled(look(offset))).toBeUndefined();
  for (let n = 0; n < 8; n += 1) expect(findStalled(look(10n))).toBeUndefined();
  for (let n = 0; n < 8; n += 1) expect(findStalled(look(10n, { bufferedEvents: 1, end: 20n }))).toBeUndefined();
});

test('the count of looks starts again after progress', () => {
  const findStalled = createStallDetector();
  for (let n = 0; n < 3; n += 1) expect(findStalled(look(5n))).toBeUndefined();
  expect(findStalled(look(10n))).toBeUndefined();
  expect([1, 2, 3, 4].map(() => findStalled(look(10n, { end: 20n })))).toEqual([undefined, undefined, undefined, 4]);
});

test('looks are counted for each partition', () => {
  const findStalled = createStallDetector();
  const both = (fetchOffset: bigint) => [
    { partition: 0, fetchOffset, bufferedEvents: 0, end: 100n },
    { partition: 1, fetchOffset: 3n, bufferedEvents: 0, end: 4n },
  ];
  expect([0n, 1n, 2n, 3n].map((offset) => findStalled(both(offset)))).toEqual([undefined, undefined, undefined, 1]);
});
