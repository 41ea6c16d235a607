import {
  CONSUMER_GROUPS,
  DEAD_LETTERS_TOPIC,
  EVENT_TYPES,
  HEADERS,
  ORDER_EVENTS_TOPIC,
  ORDER_MOVEMENTS,
  ORDER_STATUSES,
  ORDER_STEPS,
  SKIPPED_REASON,
} from '@tally/proto/events';

/** What each movement does to the counters of a stock, for one unit of an order line. */
const EFFECTS = {
  reserve: { total: 0, reserved: 1 },
  release: { total: 0, reserved: -1 },
  ship: { total: -1, reserved: -1 },
};

const movements = ORDER_STATUSES.flatMap((status) =>
  ORDER_MOVEMENTS[status].map((kind) => ({ status, kind, ...EFFECTS[kind] })),
);

/** The statuses of open orders, that is, of those whose units are reserved. */
const openStatuses = ORDER_STATUSES.filter(
  (status) =>
    movements.filter((movement) => movement.status === status).reduce((sum, { reserved }) => sum + reserved, 0) > 0,
);

/** The contract of orders and events, as parameters that every query may name. */
export const CONTRACT: Readonly<Record<string, unknown>> = {
  steps: JSON.stringify(ORDER_STEPS.map(({ from, to, ...step }) => ({ before: from, after: to, ...step }))),
  movements: JSON.stringify(movements),
  open_statuses: openStatuses,
  order_events: ORDER_EVENTS_TOPIC,
  dead_letters: DEAD_LETTERS_TOPIC,
  groups: Object.values(CONSUMER_GROUPS),
  notifier_group: CONSUMER_GROUPS.notifier,
  ce_id: HEADERS.id,
  ce_sequence: HEADERS.sequence,
  ce_time: HEADERS.time,
  ce_type: HEADERS.type,
  dead_letter_partition: HEADERS.deadLetterPartition,
  dead_letter_offset: HEADERS.deadLetterOffset,
  version_skipped: EVENT_TYPES.versionSkipped,
  skipped_reason: SKIPPED_REASON,
};
