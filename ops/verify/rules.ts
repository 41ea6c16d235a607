import isInLog from './queries/is-in-log.sql' with { type: 'text' };
import closedCheckoutHasOrder from './queries/closed-checkout-has-order.sql' with { type: 'text' };
import deadIsDeadLetter from './queries/dead-is-dead-letter.sql' with { type: 'text' };
import firstOccurrencesInOrder from './queries/first-occurrences-in-order.sql' with { type: 'text' };
import historiesFollowTable from './queries/histories-follow-table.sql' with { type: 'text' };
import lateCheckouts from './queries/late-checkouts.sql' with { type: 'text' };
import lateEvents from './queries/late-events.sql' with { type: 'text' };
import lateExpiry from './queries/late-expiry.sql' with { type: 'text' };
import lateNotifications from './queries/late-notifications.sql' with { type: 'text' };
import lateReaders from './queries/late-readers.sql' with { type: 'text' };
import logHasNoGaps from './queries/log-has-no-gaps.sql' with { type: 'text' };
import movementsFitOrders from './queries/movements-fit-orders.sql' with { type: 'text' };
import orderIsItsCheckouts from './queries/order-is-its-checkouts.sql' with { type: 'text' };
import ordersNotOfCart from './queries/orders-not-of-cart.sql' with { type: 'text' };
import paidInTime from './queries/paid-in-time.sql' with { type: 'text' };
import quarantinedEvents from './queries/quarantined-events.sql' with { type: 'text' };
import readIsRecorded from './queries/read-is-recorded.sql' with { type: 'text' };
import recordIsEvent from './queries/record-is-event.sql' with { type: 'text' };
import reservedIsOpenOrders from './queries/reserved-is-open-orders.sql' with { type: 'text' };
import skippedIsAudited from './queries/skipped-is-audited.sql' with { type: 'text' };
import stockIsLedger from './queries/stock-is-ledger.sql' with { type: 'text' };
import toldInOrder from './queries/told-in-order.sql' with { type: 'text' };
import toldIsEvent from './queries/told-is-event.sql' with { type: 'text' };

import logHasNoGapsOnKafka from './kafka/log-has-no-gaps.sql' with { type: 'text' };
import type { Totals } from './figures.ts';
import type { Needs } from './kafka-log.ts';
import type { SnapshotName } from './snapshots.ts';

/** What a rule can be given as $1, $2, …: a list of rows as JSON, or a moment. */
export type FactName =
  | 'moment'
  | 'offsets'
  | 'chosen'
  | 'orders'
  | 'events'
  | 'notifications'
  | 'records'
  | 'checkouts'
  | 'dead';

export type NamingNeeds = Extract<Needs, { readonly json: string }>['kind'];

/** How many rows of each fact were looked at. */
export type Seen = Readonly<Record<FactName, number>>;

/** A promise, as a query for what breaks it. */
export interface Rule {
  readonly name: string;
  readonly meaning: string;
  /** What it looks at at a time: everything at once, or a part of the orders, the log, the closed checkouts, or what died. */
  readonly over: 'system' | 'orders' | 'records' | 'checkouts' | 'dead';
  readonly at: SnapshotName;
  readonly given: readonly FactName[];
  /** Returns rows (id, what). */
  readonly query: string;
  /** Where Kafka shows less, or more, than PostgreSQL does. */
  readonly queryOnKafka?: string;
  /** Which records it looks at; a word alone: those that $1 names, and the dead letters of what it names. */
  readonly needs?: Exclude<Needs, { readonly json: string }> | NamingNeeds;
  /** What a row means. `noted` is a figure and no fault. */
  readonly broken: 'violated' | 'late' | 'noted';
  /** What to do about it. */
  readonly advice: string;
  readonly figure: (totals: Totals, seen: Seen, found: number) => string;
  /** Too slow for every day. */
  readonly onlyFull?: boolean;
}

const FOREVER = 'nothing repairs this by itself: look these ids up in the databases, and find out who changed them';

const ABANDONED =
  'if somebody closed the checkout with --abandon, its order came later: tell the shopper, and cancel the order if it is not wanted; else find out who changed the checkout';

export const RULES: readonly Rule[] = [
  {
    name: 'stock = ledger',
    meaning: 'total, held and reserved of every sku are the sums of its movements',
    over: 'system',
    at: 'loms',
    given: [],
    query: stockIsLedger,
    broken: 'violated',
    advice: 'just verify --repair shows what can be mended',
    figure: ({ skus, movements }) => `${count(skus, 'sku')}, ${count(movements, 'movement')}`,
  },
  {
    name: 'reserved = open orders',
    meaning: 'what is reserved of a sku is what orders awaiting payment have ordered of it',
    over: 'system',
    at: 'loms',
    given: [],
    query: reservedIsOpenOrders,
    broken: 'violated',
    advice: 'just verify --repair shows what can be mended',
    figure: ({ reservedUnits, awaitingPayment }) =>
      `${count(reservedUnits, 'unit')} of ${count(awaitingPayment, 'open order')}`,
  },
  {
    name: 'movements = lines',
    meaning: 'each line of an order moved the stock once for each step of its status, and nothing else did',
    over: 'orders',
    at: 'loms',
    given: ['chosen'],
    query: movementsFitOrders,
    broken: 'violated',
    advice: FOREVER,
    figure: lookedAtOrders,
  },
  {
    name: 'histories',
    meaning:
      'versions count 1, 2, …, statuses and causes follow the table, the order says what its last event says, and a refusal names its order',
    over: 'orders',
    at: 'loms',
    given: ['chosen'],
    query: historiesFollowTable,
    broken: 'violated',
    advice: FOREVER,
    figure: lookedAtOrders,
  },
  {
    name: 'paid in time',
    meaning:
      'an order is to be paid within a day at most, and expired if it was not paid or cancelled before that moment',
    over: 'orders',
    at: 'loms',
    given: ['chosen'],
    query: paidInTime,
    broken: 'violated',
    advice: FOREVER,
    figure: lookedAtOrders,
  },
  {
    name: 'skipped = audited',
    meaning: 'every event that is skipped was skipped by an operator, whose reason the audit keeps',
    over: 'orders',
    at: 'loms',
    given: ['chosen'],
    query: skippedIsAudited,
    broken: 'violated',
    advice: FOREVER,
    figure: lookedAtOrders,
  },
  {
    name: 'checkout = order',
    meaning:
      'every closed checkout has the one order of its user and lines, at its prices; a refused one the failed order',
    over: 'checkouts',
    at: 'loms',
    given: ['checkouts'],
    query: closedCheckoutHasOrder,
    broken: 'violated',
    advice: FOREVER,
    figure: (totals, { checkouts }) =>
      count(checkouts, 'closed checkout', totals.doneCheckouts + totals.refusedCheckouts),
  },
  {
    name: 'order = checkout',
    meaning: 'the checkout that an order was made of names this order once it is closed',
    over: 'orders',
    at: 'cart',
    given: ['orders'],
    query: orderIsItsCheckouts,
    broken: 'violated',
    advice: ABANDONED,
    figure: lookedAtOrders,
  },
  {
    name: 'orders not of cart',
    meaning: 'orders that somebody else than cart asked for; allowed',
    over: 'orders',
    at: 'cart',
    given: ['orders'],
    query: ordersNotOfCart,
    broken: 'noted',
    advice: '',
    figure: (totals, seen, found) => `${format(found)} of ${lookedAtOrders(totals, seen)}`,
  },
  {
    name: 'events in the log',
    meaning:
      'every event that the log acknowledged lies where it said, under its own key and identity, with its moment',
    over: 'orders',
    at: 'recorded',
    given: ['events'],
    query: isInLog,
    needs: 'named',
    broken: 'violated',
    advice: FOREVER,
    figure: (totals, { events }) => count(events, 'acknowledged event', totals.events - totals.unpublished),
  },
  {
    name: 'log = events',
    meaning: 'every record of the log tells an event that happened, with its moment',
    over: 'records',
    at: 'loms',
    given: ['records'],
    query: recordIsEvent,
    broken: 'violated',
    advice: FOREVER,
    figure: (totals, { records }) => count(records, 'record', totals.records),
  },
  {
    name: 'log without gaps',
    meaning: 'the offsets of a partition count up from 0, and no group has read past them',
    over: 'system',
    at: 'log',
    given: [],
    query: logHasNoGaps,
    queryOnKafka: logHasNoGapsOnKafka,
    needs: { kind: 'newest', records: 5_000 },
    broken: 'violated',
    advice: FOREVER,
    figure: ({ records, partitions }) => `${count(records, 'record')} in ${count(partitions, 'partition')}`,
  },
  {
    name: 'log in order',
    meaning: "an order's events come first in the order of their versions",
    over: 'system',
    at: 'log',
    given: [],
    query: firstOccurrencesInOrder,
    needs: { kind: 'all' },
    broken: 'violated',
    advice: FOREVER,
    figure: ({ records }) => count(records, 'record'),
    onlyFull: true,
  },
  {
    name: 'read = recorded',
    meaning: 'every event that the notifier has read is recorded once, with its status',
    over: 'orders',
    at: 'notifier',
    given: ['events', 'offsets'],
    query: readIsRecorded,
    broken: 'violated',
    advice: FOREVER,
    figure: (totals, { events }) => count(events, 'acknowledged event', totals.events - totals.unpublished),
  },
  {
    name: 'told = happened',
    meaning: 'every notification tells an event of loms, with its status and moment',
    over: 'orders',
    at: 'loms',
    given: ['notifications'],
    query: toldIsEvent,
    broken: 'violated',
    advice: FOREVER,
    figure: lookedAtNotifications,
  },
  {
    name: 'told = log',
    meaning: 'every notification was made of the record that it names',
    over: 'orders',
    at: 'log',
    given: ['notifications'],
    query: isInLog,
    needs: 'named',
    broken: 'violated',
    advice: FOREVER,
    figure: lookedAtNotifications,
  },
  {
    name: 'told in order',
    meaning: 'a version is told when all versions before it have passed, and then at once',
    over: 'orders',
    at: 'notifier',
    given: ['chosen'],
    query: toldInOrder,
    broken: 'violated',
    advice: FOREVER,
    figure: ({ parked, dead }, seen) => `${lookedAtOrders(undefined, seen)}, ${parked} parked, ${dead} dead`,
  },
  {
    name: 'dead = dead letter',
    meaning: 'whatever the notifier gave up lies in the dead letters, or was skipped by an operator',
    over: 'dead',
    at: 'log',
    given: ['dead'],
    query: deadIsDeadLetter,
    needs: 'dead letters',
    broken: 'violated',
    advice: FOREVER,
    figure: (totals, { dead }) => count(dead, 'dead event', totals.dead),
  },
  {
    name: 'checkouts are decided',
    meaning: 'no checkout is open 30 s past the moment it had to be decided before',
    over: 'system',
    at: 'cart',
    given: ['moment'],
    query: lateCheckouts,
    broken: 'late',
    advice: 'see that cart and loms run and reach each other; just checkout close ID is the last resort',
    figure: ({ openCheckouts }) => count(openCheckouts, 'open checkout'),
  },
  {
    name: 'orders expire',
    meaning: 'no order awaits payment 30 s past its deadline',
    over: 'system',
    at: 'loms',
    given: ['moment'],
    query: lateExpiry,
    broken: 'late',
    advice: 'see that loms runs: it cancels what is due',
    figure: ({ awaitingPayment }) => count(awaitingPayment, 'open order'),
  },
  {
    name: 'events are published',
    meaning: 'no event waits more than 30 s for the log',
    over: 'system',
    at: 'loms',
    given: ['moment'],
    query: lateEvents,
    broken: 'late',
    advice: 'see that loms runs and reaches the log',
    figure: ({ unpublished }) => `${unpublished} on their way`,
  },
  {
    name: 'nothing in quarantine',
    meaning: 'the log refused no event',
    over: 'system',
    at: 'loms',
    given: [],
    query: quarantinedEvents,
    broken: 'late',
    advice: 'just outbox lists them; retry or skip each',
    figure: ({ events }) => count(events, 'event'),
  },
  {
    name: 'events are read',
    meaning: 'no record waits more than 30 s for the notifier',
    over: 'system',
    at: 'offsets',
    given: ['moment'],
    query: lateReaders,
    needs: { kind: 'unread' },
    broken: 'late',
    advice: 'see that the notifier runs and reaches the log',
    figure: ({ records }) => count(records, 'record'),
  },
  {
    name: 'nothing stays parked',
    meaning: 'no notification waits more than 60 s for a version before it',
    over: 'system',
    at: 'notifier',
    given: ['moment'],
    query: lateNotifications,
    broken: 'late',
    advice: 'see whether the missing version is in quarantine (just outbox) or unreadable (dead letters)',
    figure: ({ parked }) => `${parked} parked`,
  },
];

function lookedAtOrders(totals: Totals | undefined, { chosen }: Seen): string {
  return count(chosen, 'order', totals?.orders);
}

function lookedAtNotifications(totals: Totals, { notifications }: Seen): string {
  return count(notifications, 'notification', totals.notifications - totals.dead);
}

/** `3 orders`, or `3 of 9 orders`. Snapshots differ by what happened between them, so `of` is never below. */
function count(seen: number, noun: string, total = seen): string {
  const nouns = seen === 1 && total <= 1 ? noun : `${noun}s`;
  return total > seen ? `${format(seen)} of ${format(total)} ${nouns}` : `${format(seen)} ${nouns}`;
}

const format = (value: number) => value.toLocaleString('en');
