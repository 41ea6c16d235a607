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

/** How many of the newest records of each partition are looked at, unless all are. */
export const NEWEST_RECORDS = 5_000;

/** What a line of `count` units does to the counters of its stock, as a multiple of `count`. */
const EFFECTS = {
  reserve: { total: 0, reserved: 1 },
  release: { total: 0, reserved: -1 },
  ship: { total: -1, reserved: -1 },
};

const movements = ORDER_STATUSES.flatMap((status) =>
  ORDER_MOVEMENTS[status].map((kind) => ({ status, kind, ...EFFECTS[kind] })),
);

/** The statuses of orders whose goods are reserved. */
const openStatuses = ORDER_STATUSES.filter(
  (status) =>
    movements.filter((movement) => movement.status === status).reduce((sum, { reserved }) => sum + reserved, 0) > 0,
);

/** What every query can use by name: the contract of orders and events. */
const CONTRACT: Readonly<Record<string, unknown>> = {
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
  newest_records: NEWEST_RECORDS,
};

/** Reads files of queries, each headed by a comment with its `@name`, and returns a function that finds a query by name. */
export function readQueries(...files: readonly string[]): (name: string) => string {
  const queries = new Map<string, string>();
  for (const file of files) {
    // What stands before the first name is a comment on the file.
    const [, ...sections] = file.split(/^\/\* @name (.+) \*\/$/m);
    for (let i = 0; i < sections.length; i += 2) queries.set(sections[i] ?? '', (sections[i + 1] ?? '').trim());
  }
  return (name) => {
    const query = queries.get(name);
    if (query === undefined) throw new Error(`there is no query '${name}' among ${[...queries.keys()].join(', ')}`);
    return query;
  };
}

/**
 * Turns a query with parameters by name, such as `:chosen`, into one with `$1`, `$2`, …, as PostgreSQL takes it. The
 * values come from `values`, or from the contract.
 */
export function bind(query: string, values: Readonly<Record<string, unknown>>): { text: string; values: unknown[] } {
  const available: Readonly<Record<string, unknown>> = { ...CONTRACT, ...values };
  const names: string[] = [];
  // A comment is left as it is, and `::` begins a cast.
  const text = query.replaceAll(/--.*|(?<!:):([a-z_]+)/g, (match, name: string | undefined) => {
    if (name === undefined) return match;
    if (available[name] === undefined) throw new Error(`a query needs ':${name}', which nobody gives it:\n${query}`);
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 1}`;
  });
  return { text, values: names.map((name) => available[name]) };
}
