import { describe, expect, test } from 'bun:test';

import Ajv from 'ajv/dist/2020.js';

import examples from '@tally/proto/events/order-event.examples.json' with { type: 'json' };
import schema from '@tally/proto/events/order-event.schema.json' with { type: 'json' };
import { event, marker } from './fixtures.ts';
import { readOrderEvent } from './order-event.ts';

const validate = new Ajv().compile(schema);

describe('the examples beside the protos', () => {
  for (const example of examples) {
    test(`${example.headers.ce_id} is read, and its value keeps the schema`, () => {
      const value = example.value === null ? '' : JSON.stringify(example.value);
      const read = readOrderEvent({
        ...event(7, 1, { value }),
        key: example.key,
        headers: example.headers,
      });
      if (example.value === null) expect(read.kind).toBe('skipped');
      else {
        expect(validate(example.value)).toBe(true);
        expect(read).toMatchObject({
          kind: 'changed',
          orderId: 7n,
          version: Number(example.headers.ce_sequence),
          status: example.value.status,
        });
      }
    });
  }
});

test('an order id past 2^53 is read exactly', () => {
  expect(readOrderEvent(event(9_007_199_254_740_993n, 1))).toMatchObject({
    kind: 'changed',
    orderId: 9_007_199_254_740_993n,
  });
  expect(readOrderEvent(event(2n ** 63n - 1n, 1))).toMatchObject({ kind: 'changed', orderId: 2n ** 63n - 1n });
});

test('the traceparent comes along', () => {
  expect(readOrderEvent(event(7, 1, { headers: { traceparent: '00-a-b-01' } }))).toMatchObject({
    traceparent: '00-a-b-01',
  });
});

test('a marker needs no value', () => {
  expect(readOrderEvent(marker(7, 3))).toMatchObject({ kind: 'skipped', orderId: 7n, version: 3 });
});

describe('what cannot be read', () => {
  const value = (more: object) =>
    JSON.stringify({ order_id: 7, status: 'new', moment: '2026-11-24T12:00:00Z', ...more });
  const table: [what: string, parts: Parameters<typeof event>[2], kind: string, reason: string][] = [
    ['a key that is no number', { key: 'seven' }, 'unreadable', "the key 'seven' is no order"],
    ['a key of zero', { key: '0' }, 'unreadable', "the key '0' is no order"],
    ['a key past 2^63-1', { key: '9223372036854775808' }, 'unreadable', 'is no order'],
    ['no sequence', { headers: { ce_sequence: undefined } }, 'unreadable', "ce_sequence '' is no version"],
    ['a sequence of 0', { headers: { ce_sequence: '0' } }, 'unreadable', "ce_sequence '0' is no version"],
    ['a sequence past 2^31-1', { headers: { ce_sequence: '2147483648' } }, 'unreadable', 'is no version'],
    ['another type', { headers: { ce_type: 'other' } }, 'poison', "ce_type 'other' is not known"],
    ['bytes that are no JSON', { value: '{' }, 'poison', 'the value is no JSON object'],
    ['bytes that are no UTF-8', { value: new Uint8Array([0xff, 0xfe]) }, 'poison', 'the value is no JSON object'],
    ['a value that is no object', { value: '7' }, 'poison', 'the value is no JSON object'],
    ['another order than the key', { value: value({ order_id: 8 }) }, 'poison', 'order_id differs from the key'],
    ['an unknown status', { value: value({ status: 'lost' }) }, 'poison', "status 'lost' is not known"],
    ['no moment', { value: value({ moment: undefined }) }, 'poison', "moment 'undefined' is no time"],
    ['a moment that is none', { value: value({ moment: 'soon' }) }, 'poison', "moment 'soon' is no time"],
  ];
  for (const [what, parts, kind, reason] of table) {
    test(`${what}: ${kind}`, () => {
      const read = readOrderEvent(event(7, 1, parts));
      expect(read.kind).toBe(kind as never);
      expect('reason' in read && read.reason).toContain(reason);
    });
  }
});
