import { expect, test } from 'bun:test';

import { toAge, toTable } from './table.ts';

test('columns are as wide as their widest cell', () => {
  expect(
    toTable([
      ['', 'pid'],
      ['cart', '1'],
      ['a', '1234'],
    ]),
  ).toBe('      pid\ncart  1\na     1234');
});

test('an age has its largest unit, and above an hour the next one too', () => {
  const minuteMs = 60_000;
  expect([59_999, 7 * minuteMs, 200 * minuteMs, 53 * 60 * minuteMs].map(toAge)).toEqual([
    '59 s',
    '7 min',
    '3 h 20 min',
    '2 d 5 h',
  ]);
});
