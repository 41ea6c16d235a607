import { expect, test } from 'bun:test';

import { range } from '../testing/range.ts';
import { createToStatement } from './statement.ts';

test('each text with parameters has a name of its own', () => {
  const toStatement = createToStatement(true);
  expect(toStatement('select $1', [1])).toEqual({ text: 'select $1', values: [1], name: 's0' });
  expect(toStatement('select $2', [2])).toEqual({ text: 'select $2', values: [2], name: 's1' });
  expect(toStatement('select $1', [3])).toEqual({ text: 'select $1', values: [3], name: 's0' });
});

test('a text without parameters has no name', () => {
  expect(createToStatement(true)('begin')).toEqual({ text: 'begin' });
});

test('no text has a name when naming is off', () => {
  expect(createToStatement(false)('select $1', [1])).toEqual({ text: 'select $1', values: [1] });
});

test('only the first 256 texts have a name', () => {
  const toStatement = createToStatement(true);
  const names = range(258).map((n) => toStatement(`select ${n}`, []).name);
  expect(new Set(names.slice(0, 256)).size).toBe(256);
  expect(names.slice(256)).toEqual([undefined, undefined]);
  expect(toStatement('select 0', []).name).toBe('s0');
});
