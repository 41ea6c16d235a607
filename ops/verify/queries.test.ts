import { describe, expect, test } from 'bun:test';

import { ORDER_EVENTS_TOPIC } from '@tally/proto/events';

import { CONTRACT } from './contract.ts';
import { bind, readQueries } from './queries.ts';

describe('readQueries', () => {
  const query = readQueries('-- A comment.\n\n/* @name one */\nselect 1\n\n/* @name one = two */\n-- Why.\nselect 2\n');

  test('finds a query by name, with its comment', () => {
    expect([query('one'), query('one = two')]).toEqual(['select 1', '-- Why.\nselect 2']);
  });

  test('throws for an unknown name', () => {
    expect(() => query('two')).toThrow("there is no query 'two' among one, one = two");
  });
});

describe('bind', () => {
  test('numbers parameters in their order, and a repeated one only once', () => {
    expect(bind('select :b, :a, :b', { a: 1, b: 2 })).toEqual({ text: 'select $1, $2, $1', values: [2, 1] });
  });

  test('leaves casts and comments as they are', () => {
    const query = "-- :a is a number.\nselect :a::bigint, 'a: b'";
    expect(bind(query, { a: 1 })).toEqual({ text: "-- :a is a number.\nselect $1::bigint, 'a: b'", values: [1] });
  });

  test('takes facts of the contract by name', () => {
    expect(bind('select :order_events', {}).values).toEqual([ORDER_EVENTS_TOPIC]);
  });

  test('throws for a parameter without a value', () => {
    expect(() => bind('select :missing', {})).toThrow("the parameter ':missing' has no value");
  });
});

test('only orders that await payment are open', () => {
  expect(CONTRACT['open_statuses']).toEqual(['awaiting payment']);
});
