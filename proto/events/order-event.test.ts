import { describe, expect, test } from 'bun:test';

import Ajv from 'ajv/dist/2020.js';

import {
  type NewOrderEvent,
  ORDER_MOVEMENTS,
  ORDER_STATUSES,
  ORDER_STEPS,
  decodeOrderEvent,
  encodeOrderEvent,
} from './index.ts';
import examples from './order-event.examples.json' with { type: 'json' };
import schema from './order-event.schema.json' with { type: 'json' };

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (text: string) => new TextEncoder().encode(text);
const isValid = new Ajv().compile(schema);

const EVENT: NewOrderEvent = {
  orderId: 7n,
  version: 1,
  status: 'new',
  moment: new Date('2026-11-24T12:00:00.000Z'),
  traceparent: null,
  skipped: false,
};

describe('the examples', () => {
  for (const { key, value, headers } of examples) {
    const { ce_sequence: sequence, ce_time: time, traceparent = null } = headers;
    test(`${headers.ce_id} is what the encoder writes`, () => {
      const encoded = encodeOrderEvent({
        orderId: BigInt(key),
        version: Number(sequence),
        status: (value?.status as NewOrderEvent['status'] | undefined) ?? 'payed',
        moment: new Date(time),
        traceparent,
        skipped: value === null,
      });
      expect(encoded.key).toBe(key);
      expect<Record<string, string>>(encoded.headers).toEqual(headers);
      expect(textOf(encoded.value)).toBe(value === null ? '' : JSON.stringify(value));
    });

    test(`${headers.ce_id} is read by the decoder, and its value is valid under the schema`, () => {
      const text = value === null ? '' : JSON.stringify(value);
      const decoded = decodeOrderEvent({ key, value: bytesOf(text), headers });
      const identity = { orderId: 7n, version: Number(sequence), traceparent: traceparent ?? undefined };
      if (value === null) expect(decoded).toEqual({ kind: 'skipped', ...identity });
      else {
        const status = value.status as NewOrderEvent['status'];
        expect(decoded).toEqual({ kind: 'changed', ...identity, status, moment: new Date(value.moment) });
        expect(isValid(value)).toBe(true);
      }
    });
  }
});

test('every status is in the schema, is reached by a step and can be encoded and decoded', () => {
  expect(schema.properties.status.enum).toEqual([...ORDER_STATUSES]);
  for (const status of ORDER_STATUSES) {
    expect(ORDER_STEPS.some(({ to }) => to === status)).toBe(true);
    expect(decodeOrderEvent(encodeOrderEvent({ ...EVENT, status }))).toMatchObject({ kind: 'changed', status });
  }
});

test('each step adds to the movements of the step before it, and no order both ships and releases', () => {
  for (const { from, to } of ORDER_STEPS) {
    const before = from === null ? [] : ORDER_MOVEMENTS[from];
    expect(ORDER_MOVEMENTS[to].slice(0, before.length)).toEqual([...before]);
  }
  expect(new Set(Object.values(ORDER_MOVEMENTS).map((kinds) => kinds.join()))).toEqual(
    new Set(['', 'reserve', 'reserve,ship', 'reserve,release']),
  );
});

test('an order id above 2^53 is written and read exactly', () => {
  for (const orderId of [2n ** 53n + 1n, 2n ** 63n - 1n]) {
    const encoded = encodeOrderEvent({ ...EVENT, orderId });
    expect(textOf(encoded.value)).toContain(`"order_id":${orderId},`);
    expect(decodeOrderEvent(encoded)).toMatchObject({ kind: 'changed', orderId });
  }
});

test('the traceparent of the call travels with the event', () => {
  expect(decodeOrderEvent(encodeOrderEvent({ ...EVENT, traceparent: '00-a-b-01' }))).toMatchObject({
    traceparent: '00-a-b-01',
  });
});

test('a skipped version has no value, and its status is not read', () => {
  const encoded = encodeOrderEvent({ ...EVENT, version: 3, skipped: true });
  expect(encoded.value).toHaveLength(0);
  expect(decodeOrderEvent(encoded)).toEqual({ kind: 'skipped', orderId: 7n, version: 3, traceparent: undefined });
});

describe('an event that cannot be read', () => {
  const value = (fields: object) =>
    bytesOf(JSON.stringify({ order_id: 7, status: 'new', moment: '2026-11-24T12:00:00Z', ...fields }));
  const sequence = (ce_sequence: string) => ({ headers: { ...encodeOrderEvent(EVENT).headers, ce_sequence } });
  const { ce_sequence: _, ...withoutSequence } = encodeOrderEvent(EVENT).headers;
  const table: [
    fault: string,
    parts: Partial<Parameters<typeof decodeOrderEvent>[0]>,
    kind: 'poison' | 'unreadable',
    reason: string,
  ][] = [
    ['a key that is not a number', { key: 'seven' }, 'unreadable', "the key 'seven' is not an order id"],
    ['a key of 0', { key: '0' }, 'unreadable', "the key '0' is not an order id"],
    ['a key above 2^63-1', { key: '9223372036854775808' }, 'unreadable', 'is not an order id'],
    ['no sequence', { headers: withoutSequence }, 'unreadable', "ce_sequence '' is not a version"],
    ['a sequence of 0', sequence('0'), 'unreadable', "ce_sequence '0' is not a version"],
    ['a sequence above 2^31-1', sequence('2147483648'), 'unreadable', 'is not a version'],
    [
      'an unknown type',
      { headers: { ...encodeOrderEvent(EVENT).headers, ce_type: 'other' } },
      'poison',
      "ce_type 'other' is unknown",
    ],
    ['a value that is not JSON', { value: bytesOf('{') }, 'poison', 'the value is not a JSON object'],
    ['a value that is not UTF-8', { value: new Uint8Array([0xff, 0xfe]) }, 'poison', 'the value is not a JSON object'],
    ['a value that is not an object', { value: bytesOf('7') }, 'poison', 'the value is not a JSON object'],
    ['an order_id other than the key', { value: value({ order_id: 8 }) }, 'poison', 'order_id differs from the key'],
    ['an unknown status', { value: value({ status: 'lost' }) }, 'poison', "status 'lost' is unknown"],
    ['no moment', { value: value({ moment: undefined }) }, 'poison', "moment 'undefined' is not a time"],
    ['a moment that is not a time', { value: value({ moment: 'soon' }) }, 'poison', "moment 'soon' is not a time"],
  ];
  for (const [fault, parts, kind, reason] of table) {
    test(`${fault}: ${kind}`, () => {
      const decoded = decodeOrderEvent({ ...encodeOrderEvent(EVENT), ...parts });
      expect(decoded.kind).toBe(kind);
      expect('reason' in decoded && decoded.reason).toContain(reason);
    });
  }
});
