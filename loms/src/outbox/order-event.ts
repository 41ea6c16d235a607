import type { NewEvent } from '@tally/platform/events';

import type { OrderStatus } from '../orders/order.ts';
import type { OutboxRow } from './outbox.ts';

export const ORDER_EVENTS_TOPIC = 'loms.order-events';
export const ORDER_EVENTS_PARTITIONS = 6;

const STATUS_CHANGED = 'tally.order.status-changed.v1';
/** A version that an operator skipped: its value is empty, and it still counts as that version. */
const VERSION_SKIPPED = 'tally.order.version-skipped.v1';

/**
 * An event as it travels: CloudEvents 1.0, Kafka binding in binary mode. Its JSON Schema and examples lie beside the protos.
 * A repeated event keeps `ce_id` and `ce_sequence`.
 */
export function toMessage(row: OutboxRow): NewEvent {
  const { orderId, version, moment, traceparent, skipped } = row;
  return {
    topic: ORDER_EVENTS_TOPIC,
    key: String(orderId),
    value: skipped ? new Uint8Array() : encode(row.orderId, row.status, moment),
    headers: {
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_id: `${orderId}-${version}`,
      ce_source: '/tally/loms',
      ce_type: skipped ? VERSION_SKIPPED : STATUS_CHANGED,
      ce_time: moment.toISOString(),
      ce_sequence: String(version),
      ...(traceparent === null ? {} : { traceparent }),
    },
  };
}

/** By hand, because `order_id` is a whole JSON number, also past 2^53. */
function encode(orderId: bigint, status: OrderStatus, moment: Date): Uint8Array {
  const text = `{"order_id":${orderId},"status":${JSON.stringify(status)},"moment":"${moment.toISOString()}"}`;
  return new TextEncoder().encode(text);
}
