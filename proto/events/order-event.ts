import { ORDER_STATUSES, type OrderStatus } from './order-status.ts';

/*
  The contract of an order's events: where they lie, how they look, and the code that writes and reads them. An event is
  a CloudEvent 1.0 in the binary mode of the Kafka binding. order-event.schema.json describes its value, and
  order-event.examples.json shows events of both types.

  An order's events have the order's id as their key, so that all of them lie in one partition. Each event is delivered
  at least once. Apart from repeated events, the events of an order lie in ascending order of their versions. A repeated
  event has the same `ce_id` and `ce_sequence` as its first occurrence.
*/

export const ORDER_EVENTS_TOPIC = 'loms.order-events';
/**
 * Holds a copy of every event that the notifier could not read. Further headers say why, and where the event lies in
 * ORDER_EVENTS_TOPIC.
 */
export const DEAD_LETTERS_TOPIC = 'loms.order-events.dlq';
const PARTITIONS = 6;

/** Every topic of Tally. */
export const TOPICS = [ORDER_EVENTS_TOPIC, DEAD_LETTERS_TOPIC].map((topic) => ({ topic, partitions: PARTITIONS }));

/** The consumer groups that read the order events. verify watches how far each of them has read. */
export const CONSUMER_GROUPS = { notifier: 'notifier' } as const;

/** The values of the header `ce_type`. */
export const EVENT_TYPES = {
  statusChanged: 'tally.order.status-changed.v1',
  /** The marker of a version that an operator skipped. Its value is empty, and the version counts as delivered. */
  versionSkipped: 'tally.order.version-skipped.v1',
} as const;

/** The reason that the notifier stores with a version that an operator skipped. */
export const SKIPPED_REASON = 'skipped by an operator';

export const HEADERS = {
  contentType: 'content-type',
  specVersion: 'ce_specversion',
  /** `7-3` for version 3 of order 7. */
  id: 'ce_id',
  source: 'ce_source',
  type: 'ce_type',
  time: 'ce_time',
  /** The version of the order, which counts its statuses: 1, 2, … */
  sequence: 'ce_sequence',
  /** W3C trace context of the call that changed the order. */
  traceparent: 'traceparent',
  deadLetterReason: 'dead_letter_reason',
  deadLetterPartition: 'dead_letter_partition',
  deadLetterOffset: 'dead_letter_offset',
} as const;

/** The headers that are the same for every event. */
const FIXED_HEADERS = {
  [HEADERS.contentType]: 'application/json',
  [HEADERS.specVersion]: '1.0',
  [HEADERS.source]: '/tally/loms',
};

/** An event on its way to the log or from it. */
interface OrderEventMessage {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** One step of an order, ready to be published. */
export interface NewOrderEvent {
  readonly orderId: bigint;
  readonly version: number;
  readonly status: OrderStatus;
  readonly moment: Date;
  readonly traceparent: string | null;
  /** Whether an operator skipped this version. Its event then has the type `versionSkipped` and an empty value. */
  readonly skipped: boolean;
}

/** Returns an event in the form in which it is published. */
export function encodeOrderEvent(event: NewOrderEvent): OrderEventMessage & { readonly topic: string } {
  const { orderId, version, status, moment, traceparent, skipped } = event;
  // JSON.stringify cannot write a bigint, and `order_id` is a JSON number that may exceed 2^53.
  const text = `{"order_id":${orderId},"status":${JSON.stringify(status)},"moment":"${moment.toISOString()}"}`;
  return {
    topic: ORDER_EVENTS_TOPIC,
    key: String(orderId),
    value: new TextEncoder().encode(skipped ? '' : text),
    headers: {
      ...FIXED_HEADERS,
      [HEADERS.id]: `${orderId}-${version}`,
      [HEADERS.type]: skipped ? EVENT_TYPES.versionSkipped : EVENT_TYPES.statusChanged,
      [HEADERS.time]: moment.toISOString(),
      [HEADERS.sequence]: String(version),
      ...(traceparent !== null && { [HEADERS.traceparent]: traceparent }),
    },
  };
}

interface Identity {
  readonly orderId: bigint;
  readonly version: number;
  readonly traceparent: string | undefined;
}

/** The event says that an order took a status. */
interface StatusChanged extends Identity {
  readonly kind: 'changed';
  readonly status: OrderStatus;
  readonly moment: Date;
}

/** The event says that an operator skipped this version. A reader counts it as delivered and does nothing else. */
interface VersionSkipped extends Identity {
  readonly kind: 'skipped';
}

/** The order and the version are known, but the rest of the event cannot be read. */
interface Poison extends Identity {
  readonly kind: 'poison';
  readonly reason: string;
}

/** Not even the order or the version can be read. */
interface Unreadable {
  readonly kind: 'unreadable';
  readonly reason: string;
}

export type DecodedOrderEvent = StatusChanged | VersionSkipped | Poison | Unreadable;

const MAX_ORDER_ID = 2n ** 63n - 1n;
const MAX_VERSION = 2 ** 31 - 1;

/** Reads an event of the log. Never throws. An event that cannot be read has the kind `poison` or `unreadable`. */
export function decodeOrderEvent(message: OrderEventMessage): DecodedOrderEvent {
  const { key, headers, value } = message;
  const orderId = /^[1-9]\d{0,18}$/.test(key) ? BigInt(key) : 0n;
  if (orderId === 0n || orderId > MAX_ORDER_ID) {
    return { kind: 'unreadable', reason: `the key '${shorten(key)}' is not an order id` };
  }
  const sequence = headers[HEADERS.sequence] ?? '';
  const version = /^[1-9]\d{0,9}$/.test(sequence) ? Number(sequence) : 0;
  if (version === 0 || version > MAX_VERSION) {
    return { kind: 'unreadable', reason: `${HEADERS.sequence} '${shorten(sequence)}' is not a version` };
  }
  const identity = { orderId, version, traceparent: headers[HEADERS.traceparent] };
  const type = headers[HEADERS.type] ?? '';
  if (type === EVENT_TYPES.versionSkipped) return { kind: 'skipped', ...identity };
  if (type !== EVENT_TYPES.statusChanged) {
    return { kind: 'poison', ...identity, reason: `${HEADERS.type} '${shorten(type)}' is unknown` };
  }
  const body = decodeValue(value, orderId);
  return typeof body === 'string'
    ? { kind: 'poison', ...identity, reason: body }
    : { kind: 'changed', ...identity, ...body };
}

/** Returns what the value says, or why it cannot be read. */
function decodeValue(bytes: Uint8Array, orderId: bigint): Pick<StatusChanged, 'status' | 'moment'> | string {
  const value = parse(bytes);
  if (value === undefined) return 'the value is not a JSON object';
  if (value.orderId !== orderId) return 'order_id differs from the key';
  const status = ORDER_STATUSES.find((known) => known === value.status);
  if (status === undefined) return `status '${shorten(String(value.status))}' is unknown`;
  const moment = new Date(typeof value.moment === 'string' ? value.moment : Number.NaN);
  if (Number.isNaN(moment.getTime())) return `moment '${shorten(String(value.moment))}' is not a time`;
  return { status, moment };
}

function parse(bytes: Uint8Array): { orderId: bigint | undefined; status: unknown; moment: unknown } | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    let orderId: bigint | undefined;
    // The id is read from the source text, because a JavaScript number is not exact above 2^53.
    const value: unknown = JSON.parse(text, (key, parsed: unknown, context?: { source?: string }) => {
      if (key === 'order_id' && /^\d+$/.test(context?.source ?? '')) orderId = BigInt(context?.source ?? '');
      return parsed;
    });
    if (typeof value !== 'object' || value === null) return undefined;
    const { status, moment } = value as { status?: unknown; moment?: unknown };
    return { orderId, status, moment };
  } catch {
    return undefined;
  }
}

/**
 * Returns at most 100 characters of a text from outside, for use in a `reason`. Replaces U+0000, which PostgreSQL
 * cannot store.
 */
const shorten = (text: string) => text.replaceAll('\0', '␀').slice(0, 100);
