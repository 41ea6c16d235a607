import checkouts from './invariants/checkouts.sql' with { type: 'text' };
import late from './invariants/late.sql' with { type: 'text' };
import log from './invariants/log.sql' with { type: 'text' };
import notifications from './invariants/notifications.sql' with { type: 'text' };
import orders from './invariants/orders.sql' with { type: 'text' };
import stock from './invariants/stock.sql' with { type: 'text' };
import { readQueries } from './queries.ts';
import type { SnapshotName } from './snapshots.ts';
import type { Totals } from './totals.ts';
import type { FactName, WALKS } from './walks.ts';

/** For each fact, the number of rows that were looked at. */
export type Seen = Readonly<Record<FactName, number>>;

/** A promise of the system, with a query that finds what breaks it. */
export interface Rule {
  readonly name: string;
  /** The promise in words. */
  readonly meaning: string;
  /** The walk that reads the facts which the query takes as parameters. The query runs for each chunk of the walk. */
  readonly over: keyof typeof WALKS;
  /** The snapshot in which the query runs. */
  readonly at: SnapshotName;
  /** Returns a row (id, what) for each offender. The rule holds when there is none. */
  readonly query: string;
  /** Replaces `query` when the log is on Kafka. */
  readonly queryOnKafka?: string;
  /** The verdict when there is a row. With `noted`, the rows are counted and are no fault. */
  readonly broken: 'violated' | 'late' | 'noted';
  /** What the operator should do when the rule is broken. */
  readonly advice: string;
  /** Says how much was looked at. */
  readonly figure: (totals: Totals, seen: Seen, found: number) => string;
  /** Whether the query runs only with --full, because it is slow. */
  readonly onlyFull?: boolean;
}

const query = readQueries(stock, orders, checkouts, log, notifications, late);

/** Returns the query that checks whether the rows of a fact name the right records of the log. */
const claimsLieInLog = (fact: FactName) => query('claims lie in the log').replaceAll(':claims', `:${fact}`);

const REPAIR = 'run just verify --repair, which shows the counters that can be computed again from the ledger';
const INVESTIGATE =
  'nothing repairs this by itself: look up these ids in the databases, and find out who changed the rows';
const ABANDONED =
  'if an operator closed the checkout with --abandon, loms made its order all the same: tell the shopper, and cancel ' +
  'the order if it is not wanted; if no operator closed it, find out who changed the checkout';

export const RULES: readonly Rule[] = [
  {
    name: 'stock = ledger',
    meaning: 'total, held and reserved of each sku are the sums of its movements',
    over: 'system',
    at: 'loms',
    query: query('stock = ledger'),
    broken: 'violated',
    advice: REPAIR,
    figure: ({ skus, movements }) => `${count(skus, 'sku')}, ${count(movements, 'movement')}`,
  },
  {
    name: 'reserved = open orders',
    meaning: 'the reserved units of each sku are those of the orders that await payment',
    over: 'system',
    at: 'loms',
    query: query('reserved = open orders'),
    broken: 'violated',
    advice: REPAIR,
    figure: ({ reservedUnits, openOrders }) => `${count(reservedUnits, 'unit')} of ${count(openOrders, 'open order')}`,
  },
  {
    name: 'movements = lines',
    meaning: 'each line of an order has moved the stock once for each step that the order took, and nothing else has',
    over: 'orders',
    at: 'loms',
    query: query('movements = lines'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: countOrders,
  },
  {
    name: 'histories',
    meaning:
      'the versions of an order count 1, 2, … and follow the table of steps, the order agrees with its last event, ' +
      'and a refused order keeps its refusal',
    over: 'orders',
    at: 'loms',
    query: query('histories'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: countOrders,
  },
  {
    name: 'paid in time',
    meaning:
      'the deadline of an order is at most a day away, and the order expires unless it is paid or cancelled by then',
    over: 'orders',
    at: 'loms',
    query: query('paid in time'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: countOrders,
  },
  {
    name: 'skipped = audited',
    meaning: 'each skipped event was skipped by an operator, and the table audit has the reason',
    over: 'orders',
    at: 'loms',
    query: query('skipped = audited'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: countOrders,
  },
  {
    name: 'checkout = order',
    meaning:
      'each closed checkout has one order, of the same user and with the same lines and prices; a refused checkout ' +
      'has the failed order',
    over: 'checkouts',
    at: 'loms',
    query: query('checkout = order'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: (totals, seen) => count(seen.checkouts, 'closed checkout', totals.checkouts - totals.openCheckouts),
  },
  {
    name: 'order = checkout',
    meaning: 'the checkout of an order, once it is closed, names that order',
    over: 'orders',
    at: 'cart',
    query: query('order = checkout'),
    broken: 'violated',
    advice: ABANDONED,
    figure: countOrders,
  },
  {
    name: 'orders not of cart',
    meaning: 'orders that a client other than cart asked for, which is allowed',
    over: 'orders',
    at: 'cart',
    query: query('orders not of cart'),
    broken: 'noted',
    advice: '',
    figure: (totals, seen, found) => `${format(found)} of ${countOrders(totals, seen)}`,
  },
  {
    name: 'events in the log',
    meaning: 'each event that the log acknowledged lies where the log said, with its key, identity, status and moment',
    over: 'orders',
    at: 'recorded',
    query: claimsLieInLog('events'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: countPublished,
  },
  {
    name: 'log = events',
    meaning: 'each record of the log tells an event that loms has, with its status and moment',
    over: 'records',
    at: 'loms',
    query: query('log = events'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: (totals, { records }) => count(records, 'record', totals.records),
  },
  {
    name: 'log without gaps',
    meaning:
      'the offsets of each partition count up without gaps, nothing unread is missing, and no group has read past ' +
      'the end',
    over: 'system',
    at: 'log',
    query: query('log without gaps'),
    queryOnKafka: query('log without gaps, on Kafka'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: ({ records, partitions }) => `${count(records, 'record')} in ${count(partitions, 'partition')}`,
  },
  {
    name: 'log in order',
    meaning: 'the first occurrences of the events of an order lie in the order of their versions',
    over: 'system',
    at: 'log',
    query: query('log in order'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: ({ records }) => count(records, 'record'),
    onlyFull: true,
  },
  {
    name: 'read = recorded',
    meaning: 'each event that the notifier has read is stored once, with its status',
    over: 'orders',
    at: 'notifier',
    query: query('read = recorded'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: countPublished,
  },
  {
    name: 'told = happened',
    meaning: 'each notification tells an event that loms has, with its status and moment',
    over: 'orders',
    at: 'loms',
    query: query('told = happened'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: countNotifications,
  },
  {
    name: 'told = log',
    meaning: 'each notification was made of the record that it names',
    over: 'orders',
    at: 'log',
    query: claimsLieInLog('notifications'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: countNotifications,
  },
  {
    name: 'told in order',
    meaning: 'a version is told as soon as all versions before it have passed, and not earlier',
    over: 'orders',
    at: 'notifier',
    query: query('told in order'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: ({ parked, dead }, { chosen }) => `${count(chosen, 'order')}, ${parked} parked, ${dead} dead`,
  },
  {
    name: 'dead = dead letter',
    meaning: 'each event that the notifier could not read lies among the dead letters, or an operator skipped it',
    over: 'dead',
    at: 'log',
    query: query('dead = dead letter'),
    broken: 'violated',
    advice: INVESTIGATE,
    figure: (totals, seen) => count(seen.dead, 'dead event', totals.dead),
  },
  {
    name: 'checkouts are decided',
    meaning: 'no checkout is still open 30 s after its decide_before, by which it had to be decided',
    over: 'system',
    at: 'cart',
    query: query('checkouts are decided'),
    broken: 'late',
    advice: 'check with just status that cart and loms run; as a last resort, just checkout close ID closes a checkout',
    figure: ({ openCheckouts }) => count(openCheckouts, 'open checkout'),
  },
  {
    name: 'orders expire',
    meaning: 'no order awaits payment 30 s after its deadline',
    over: 'system',
    at: 'loms',
    query: query('orders expire'),
    broken: 'late',
    advice: 'check with just status that loms runs: it cancels the orders that are due',
    figure: ({ openOrders }) => count(openOrders, 'open order'),
  },
  {
    name: 'events are published',
    meaning: 'no event has waited for the log for more than 30 s',
    over: 'system',
    at: 'loms',
    query: query('events are published'),
    broken: 'late',
    advice: 'check with just status that loms and the log run',
    figure: ({ unpublished }) => `${unpublished} unpublished`,
  },
  {
    name: 'nothing in quarantine',
    meaning: 'the log has refused no event',
    over: 'system',
    at: 'loms',
    query: query('nothing in quarantine'),
    broken: 'late',
    advice: 'list these events with just outbox list, and retry or skip each of them',
    figure: ({ events }) => count(events, 'event'),
  },
  {
    name: 'events are read',
    meaning: 'no record has waited for a consumer group for more than 30 s',
    over: 'system',
    at: 'offsets',
    query: query('events are read'),
    broken: 'late',
    advice: 'check with just status that the log runs, and the service that reads it as this group',
    figure: ({ records }) => count(records, 'record'),
  },
  {
    name: 'nothing stays parked',
    meaning: 'no notification has waited for a version before it for more than 60 s',
    over: 'system',
    at: 'notifier',
    query: query('nothing stays parked'),
    broken: 'late',
    advice:
      'find the missing version: just outbox list shows it when it is in quarantine; when the notifier could not ' +
      'read it, it lies among the dead letters',
    figure: ({ parked }) => `${parked} parked`,
  },
];

function countOrders(totals: Totals, { chosen }: Seen): string {
  return count(chosen, 'order', totals.orders);
}

function countPublished(totals: Totals, { events }: Seen): string {
  return count(events, 'acknowledged event', totals.events - totals.unpublished);
}

function countNotifications(totals: Totals, { notifications }: Seen): string {
  return count(notifications, 'notification', totals.notifications - totals.deadNotifications);
}

/** Returns `3 orders`, or `3 of 9 orders`. `seen` may exceed `total`, because ids without an order are seen too. */
function count(seen: number, noun: string, total = seen): string {
  const nouns = seen === 1 && total <= 1 ? noun : `${noun}s`;
  return total > seen ? `${format(seen)} of ${format(total)} ${nouns}` : `${format(seen)} ${nouns}`;
}

const format = (value: number) => value.toLocaleString('en');
