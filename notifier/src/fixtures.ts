import type { LoggedEvent } from '@tally/platform/events';

import type { OrderStatus } from './order-event.ts';

/** Building blocks of the notifier's tests. */
export const STORY: readonly OrderStatus[] = ['new', 'awaiting payment', 'payed'];

export interface EventParts {
  readonly key?: string;
  readonly value?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly partition?: number;
  readonly offset?: bigint;
}

let offsets = 0n;

/** Version `version` of an order's story, as loms sends it. */
export function event(orderId: bigint | number, version: number, parts: EventParts = {}): LoggedEvent {
  const moment = '2026-11-24T12:00:00.000Z';
  const value =
    parts.value ?? `{"order_id":${orderId},"status":"${STORY[version - 1] ?? 'payed'}","moment":"${moment}"}`;
  const headers: Record<string, string | undefined> = {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: `${orderId}-${version}`,
    ce_source: '/tally/loms',
    ce_type: 'tally.order.status-changed.v1',
    ce_time: moment,
    ce_sequence: String(version),
    ...parts.headers,
  };
  return {
    topic: 'loms.order-events',
    key: parts.key ?? String(orderId),
    value: typeof value === 'string' ? new TextEncoder().encode(value) : value,
    headers: Object.fromEntries(
      Object.entries(headers).filter((header): header is [string, string] => header[1] !== undefined),
    ),
    partition: parts.partition ?? 0,
    offset: parts.offset ?? (offsets += 1n),
  };
}

/** An operator skipped this version. */
export const marker = (orderId: bigint | number, version: number) =>
  event(orderId, version, { value: '', headers: { ce_type: 'tally.order.version-skipped.v1' } });
