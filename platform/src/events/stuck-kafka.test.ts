import { expect, test } from 'bun:test';

import { createStuckWatch } from './stuck-kafka.ts';

const look = (fetchOffset: bigint, more: { waiting?: number; end?: bigint } = {}) => [
  { partition: 4, fetchOffset, waiting: more.waiting ?? 0, end: more.end ?? 10n },
];

test('a partition that is unread and brings nothing is named at the fourth look', () => {
  const watch = createStuckWatch();
  expect([1, 2, 3, 4].map(() => watch(look(5n)))).toEqual([undefined, undefined, undefined, 4]);
});

test('what moves, is read to its end, or waits for its handler, is not stuck', () => {
  const watch = createStuckWatch();
  for (let offset = 0n; offset < 8n; offset += 1n) expect(watch(look(offset))).toBeUndefined();
  for (let n = 0; n < 8; n += 1) expect(watch(look(10n))).toBeUndefined();
  for (let n = 0; n < 8; n += 1) expect(watch(look(10n, { waiting: 1, end: 20n }))).toBeUndefined();
  // Counted anew.
  expect([1, 2, 3, 4].map(() => watch(look(10n, { end: 20n })))).toEqual([undefined, undefined, undefined, 4]);
});

test('each partition counts for itself', () => {
  const watch = createStuckWatch();
  const both = (moving: bigint) => [
    { partition: 0, fetchOffset: moving, waiting: 0, end: 100n },
    { partition: 1, fetchOffset: 3n, waiting: 0, end: 4n },
  ];
  expect([0n, 1n, 2n, 3n].map((moving) => watch(both(moving)))).toEqual([undefined, undefined, undefined, 1]);
});
