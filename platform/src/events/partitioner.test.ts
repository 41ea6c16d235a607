import { expect, test } from 'bun:test';

import { murmur2, partitionOf } from './partitioner.ts';

test('murmur2 returns the values that the tests of Kafka expect', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(murmur2(bytes('21'))).toBe(-973932308);
  expect(murmur2(bytes('foobar'))).toBe(-790332482);
  expect(murmur2(bytes('a-little-bit-long-string'))).toBe(-985981536);
  expect(murmur2(bytes('a-little-bit-longer-string'))).toBe(-1486304829);
  expect(murmur2(bytes('lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8'))).toBe(-58897971);
  expect(murmur2(bytes('abc'))).toBe(479470107);
});

test('a key keeps its partition, and keys spread over all partitions', () => {
  const partitions = Array.from({ length: 600 }, (_, i) => partitionOf(String(i), 6));
  expect(partitionOf('17', 6)).toBe(partitionOf('17', 6));
  for (let p = 0; p < 6; p += 1) expect(partitions.filter((partition) => partition === p).length).toBeGreaterThan(60);
});
