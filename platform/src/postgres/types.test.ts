import { expect, test } from 'bun:test';

import { types } from './types.ts';

const parse = (oid: number, text: string): unknown => types.getTypeParser(oid)(text);

test('int8 is a bigint, exact beyond 2^53', () => {
  expect(parse(20, '9007199254740993')).toBe(9_007_199_254_740_993n);
  expect(parse(20, '-1')).toBe(-1n);
});

test('int8[] is an array of bigint, with null for NULL', () => {
  expect(parse(1016, '{1,NULL,9007199254740993}')).toEqual([1n, null, 9_007_199_254_740_993n]);
  expect(parse(1016, '{}')).toEqual([]);
});

test('other types are as the driver has them', () => {
  expect(parse(23, '7')).toBe(7);
  expect(parse(25, '7')).toBe('7');
});
