import type { LoggedEvent } from '@tally/platform/events';
import { EVENT_TYPES, ORDER_EVENTS_TOPIC, type OrderStatus, encodeOrderEvent } from '@tally/proto/events';

import type { Notification } from './inbox.ts';

/** The statuses of an order's versions 1, 2 and 3. */
const STORY: readonly OrderStatus[] = ['new', 'awaiting payment', 'payed'];

interface EventParts {
  readonly key?: string;
  readonly value?: string;
  /** Headers that replace those of the event. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly partition?: number;
  readonly offset?: bigint;
}

let lastOffset = 0n;

/** Returns an event as loms publishes it, with the given parts replaced. By default it is the newest in partition 0. */
export function event(orderId: bigint | number, version: number, parts: EventParts = {}): LoggedEvent {
  lastOffset += 1n;
  const encoded = encodeOrderEvent({
    orderId: BigInt(orderId),
    version,
    status: STORY[version - 1] ?? 'payed',
    moment: new Date('2026-11-24T12:00:00.000Z'),
    traceparent: null,
    skipped: false,
  });
  return {
    topic: ORDER_EVENTS_TOPIC,
    key: parts.key ?? encoded.key,
    value: parts.value === undefined ? encoded.value : new TextEncoder().encode(parts.value),
    headers: { ...encoded.headers, ...parts.headers },
    partition: parts.partition ?? 0,
    offset: parts.offset ?? lastOffset,
  };
}

/** Returns the marker of a version that an operator skipped. */
export const marker = (orderId: bigint | number, version: number) =>
  event(orderId, version, { value: '', headers: { ce_type: EVENT_TYPES.versionSkipped } });

/** Returns a parked notification, with the given fields replaced. */
export function notification(orderId: bigint, version: number, fields: Partial<Notification> = {}): Notification {
  return {
    orderId,
    version,
    state: 'parked',
    status: STORY[version - 1] ?? 'payed',
    moment: new Date('2026-11-24T12:00:00.000Z'),
    traceparent: undefined,
    partition: 0,
    offset: BigInt(version),
    reason: undefined,
    ...fields,
  };
}
