import { expect, test } from 'bun:test';

import examples from '@tally/proto/events/order-event.examples.json' with { type: 'json' };
import schema from '@tally/proto/events/order-event.schema.json' with { type: 'json' };
import Ajv from 'ajv/dist/2020.js';

import type { OrderStatus } from '../orders/order.ts';
import { toMessage } from './order-event.ts';

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const validate = new Ajv().compile(schema);

for (const example of examples) {
  test(`the example ${example.headers.ce_id} beside the protos is what loms sends`, () => {
    const headers = example.headers as Record<string, string>;
    const message = toMessage({
      position: 1n,
      orderId: BigInt(example.key),
      version: Number(headers['ce_sequence']),
      status: (example.value?.status ?? 'payed') as OrderStatus,
      moment: new Date(headers['ce_time'] ?? ''),
      traceparent: headers['traceparent'] ?? null,
      skipped: example.value === null,
    });
    expect(message.key).toBe(example.key);
    expect(message.headers).toEqual(headers);
    if (example.value === null) expect(message.value.length).toBe(0);
    else {
      const value: unknown = JSON.parse(textOf(message.value));
      expect(value).toEqual(example.value);
      expect(validate(value)).toBe(true);
    }
  });
}

test('an order id past 2^53 is written exactly', () => {
  const row = {
    position: 1n,
    version: 1,
    status: 'new',
    moment: new Date(0),
    traceparent: null,
    skipped: false,
  } as const;
  expect(textOf(toMessage({ ...row, orderId: 2n ** 63n - 1n }).value)).toContain('"order_id":9223372036854775807,');
});
