import type { LoggedEvent } from '@tally/platform/events';

/** Statuses as the world reads them. */
export const STATUSES = ['new', 'awaiting payment', 'failed', 'payed', 'cancelled'] as const;
export type OrderStatus = (typeof STATUSES)[number];

export const ORDER_EVENTS_TOPIC = 'loms.order-events';
export const ORDER_EVENTS_PARTITIONS = 6;
export const DEAD_LETTERS_TOPIC = 'loms.order-events.dlq';

const STATUS_CHANGED = 'tally.order.status-changed.v1';
const VERSION_SKIPPED = 'tally.order.version-skipped.v1';
const MAX_VERSION = 2 ** 31 - 1;
const MAX_ORDER_ID = 2n ** 63n - 1n;

interface Received {
  readonly event: LoggedEvent;
}

interface Identified extends Received {
  readonly orderId: bigint;
  readonly version: number;
  readonly traceparent: string | undefined;
}

/** An order took a status. */
export interface StatusChanged extends Identified {
  readonly kind: 'changed';
  readonly status: OrderStatus;
  readonly moment: Date;
}

/** An operator decided that this version is skipped: it passes, and nothing is told. */
export interface VersionSkipped extends Identified {
  readonly kind: 'skipped';
}

/** It names its order and version, and cannot be understood. */
export interface Poison extends Identified {
  readonly kind: 'poison';
  readonly reason: string;
}

/** It does not even tell which version of which order it is. */
export interface Unreadable extends Received {
  readonly kind: 'unreadable';
  readonly reason: string;
}

export type OrderEvent = StatusChanged | VersionSkipped | Poison;

/** Reads an event of the topic. Never throws: what it cannot read is poison or unreadable, with the reason. */
export function readOrderEvent(event: LoggedEvent): OrderEvent | Unreadable {
  const { key, headers } = event;
  const orderId = /^[1-9]\d{0,18}$/.test(key) ? BigInt(key) : 0n;
  const version = /^[1-9]\d{0,9}$/.test(headers['ce_sequence'] ?? '') ? Number(headers['ce_sequence']) : 0;
  if (orderId === 0n || orderId > MAX_ORDER_ID)
    return { kind: 'unreadable', event, reason: `the key '${shorten(key)}' is no order` };
  if (version === 0 || version > MAX_VERSION) {
    return {
      kind: 'unreadable',
      event,
      reason: `ce_sequence '${shorten(headers['ce_sequence'] ?? '')}' is no version`,
    };
  }
  const identity = { event, orderId, version, traceparent: headers['traceparent'] };
  const poison = (reason: string): Poison => ({ kind: 'poison', ...identity, reason });

  if (headers['ce_type'] === VERSION_SKIPPED) return { kind: 'skipped', ...identity };
  if (headers['ce_type'] !== STATUS_CHANGED)
    return poison(`ce_type '${shorten(headers['ce_type'] ?? '')}' is not known`);
  const value = parse(event.value);
  if (value === undefined) return poison('the value is no JSON object');
  if (value.orderId !== orderId) return poison('order_id differs from the key');
  const status = STATUSES.find((known) => known === value.status);
  if (status === undefined) return poison(`status '${shorten(String(value.status))}' is not known`);
  const moment = new Date(typeof value.moment === 'string' ? value.moment : Number.NaN);
  if (Number.isNaN(moment.getTime())) return poison(`moment '${shorten(String(value.moment))}' is no time`);
  return { kind: 'changed', ...identity, status, moment };
}

function parse(bytes: Uint8Array): { orderId: bigint | undefined; status: unknown; moment: unknown } | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    let orderId: bigint | undefined;
    // The source text, because a number in JavaScript is not exact past 2^53.
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

const shorten = (text: string) => text.replaceAll('\0', '␀').slice(0, 100);
