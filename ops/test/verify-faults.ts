import { DEAD_LETTERS_TOPIC, EVENT_TYPES, ORDER_EVENTS_TOPIC, SKIPPED_REASON } from '@tally/proto/events';
import type { DatabaseName } from '@tally/sql/databases';

import {
  AWAITING,
  CANCELLED,
  DEAD_ORDER,
  FAILED,
  ON_ITS_WAY,
  OPEN_CHECKOUT,
  OTHER_PAYED,
  PARKED_ORDER,
  PAYED,
  type SeededOrder,
  WITHOUT_CHECKOUT,
  checkoutIdOf,
} from './verify-dataset.ts';

/** A change by hand that verify must find. */
export interface Fault {
  readonly change: string;
  readonly in: DatabaseName;
  readonly sql: string;
  /** The invariants that are broken, each with one id that it must name. */
  readonly breaks: Readonly<Record<string, string>>;
}

// Each of these returns an id as verify prints it.
const order = ({ id }: { readonly id: number }) => `order ${id}`;
const version = ({ id }: { readonly id: number }, version: number) => `order ${id} version ${version}`;
const sku = (seeded: SeededOrder) => `sku ${seeded.sku}`;
const record = (seeded: SeededOrder, version: number) => `record ${seeded.partition}/${seeded.offsets[version - 1]}`;
const checkout = (seeded: SeededOrder) => `checkout ${checkoutIdOf(seeded)}`;

// Each of these returns the condition of a row to change.
const isVersion = ({ id }: { readonly id: number }, version: number) => `order_id = ${id} and version = ${version}`;
const isRecord = ({ id }: SeededOrder, version: number) => `key = '${id}' and headers ->> 'ce_sequence' = '${version}'`;
const isCheckout = (seeded: SeededOrder) => `id = '${checkoutIdOf(seeded)}'`;

/** Returns what breaks when the record of a version that was told is changed. */
const brokenRecord = (seeded: SeededOrder, at: number) => ({
  'events in the log': version(seeded, at),
  'log = events': record(seeded, at),
  'told = log': version(seeded, at),
});

const STOCK: readonly Fault[] = [
  {
    change: 'the total of a stock raised',
    in: 'loms',
    sql: 'update stocks set total = total + 1 where sku = 5',
    breaks: { 'stock = ledger': 'sku 5' },
  },
  {
    change: 'the held units of a stock raised',
    in: 'loms',
    sql: 'update stocks set held = held + 1 where sku = 5',
    breaks: { 'stock = ledger': 'sku 5' },
  },
  {
    change: 'the reserved units of a stock raised',
    in: 'loms',
    sql: 'update stocks set reserved = reserved + 1 where sku = 5',
    breaks: { 'stock = ledger': 'sku 5', 'reserved = open orders': 'sku 5' },
  },
  {
    change: 'a stock deleted',
    in: 'loms',
    sql: 'delete from stocks where sku = 5',
    breaks: { 'stock = ledger': 'sku 5' },
  },
  {
    change: 'a movement made larger',
    in: 'loms',
    sql: `update stock_movements set total_delta = total_delta - 1 where order_id = ${PAYED.id} and kind = 'ship'`,
    breaks: { 'stock = ledger': sku(PAYED), 'movements = lines': order(PAYED) },
  },
  {
    change: 'the release of a cancelled order deleted, and the counters changed with it',
    in: 'loms',
    sql: `with deleted as (
            delete from stock_movements
             where order_id = ${CANCELLED.id} and kind = 'release'
            returning sku, reserved_delta
          )
          update stocks s set reserved = s.reserved - d.reserved_delta from deleted d where d.sku = s.sku`,
    breaks: { 'movements = lines': order(CANCELLED), 'reserved = open orders': sku(CANCELLED) },
  },
  {
    change: 'a further movement of an order, and the counters changed with it',
    in: 'loms',
    sql: `insert into stock_movements values (${PAYED.sku}, ${PAYED.id}, 'adjust', -1, 0, 0, now());
          update stocks set total = total - 1 where sku = ${PAYED.sku}`,
    breaks: { 'movements = lines': order(PAYED) },
  },
];

const ORDERS: readonly Fault[] = [
  {
    change: 'a payed order back to awaiting payment',
    in: 'loms',
    sql: `update orders set status = 'awaiting payment' where id = ${PAYED.id}`,
    breaks: { histories: order(PAYED), 'movements = lines': order(PAYED), 'reserved = open orders': sku(PAYED) },
  },
  {
    change: 'a cancelled order made payed',
    in: 'loms',
    sql: `update orders set status = 'payed', cause = null where id = ${CANCELLED.id}`,
    breaks: { histories: order(CANCELLED), 'movements = lines': order(CANCELLED) },
  },
  {
    change: 'an open order back to new, and its last event deleted',
    in: 'loms',
    sql: `update orders set status = 'new', version = 1 where id = ${AWAITING.id};
          delete from order_events where ${isVersion(AWAITING, 2)}`,
    breaks: {
      histories: order(AWAITING),
      'movements = lines': order(AWAITING),
      'reserved = open orders': sku(AWAITING),
      'log = events': record(AWAITING, 2),
      'told = happened': version(AWAITING, 2),
    },
  },
  {
    change: 'the cause of an order changed',
    in: 'loms',
    sql: `update orders set cause = 'payment expired' where id = ${CANCELLED.id}`,
    breaks: { histories: order(CANCELLED) },
  },
  {
    change: 'the version of an order raised',
    in: 'loms',
    sql: `update orders set version = 4 where id = ${PAYED.id}`,
    breaks: { histories: order(PAYED) },
  },
  {
    change: 'an order deleted',
    in: 'loms',
    sql: `delete from orders where id = ${PAYED.id}`,
    breaks: { histories: order(PAYED), 'movements = lines': order(PAYED), 'checkout = order': checkout(PAYED) },
  },
  {
    change: 'the count of a line raised',
    in: 'loms',
    sql: `update order_lines set count = count + 1 where order_id = ${PAYED.id} and sku = ${PAYED.sku}`,
    breaks: { 'movements = lines': order(PAYED), 'checkout = order': checkout(PAYED) },
  },
  {
    change: 'the lines of an order deleted with their movements',
    in: 'loms',
    sql: `delete from order_lines where order_id = ${AWAITING.id};
          delete from stock_movements where order_id = ${AWAITING.id}`,
    breaks: {
      'movements = lines': order(AWAITING),
      'stock = ledger': sku(AWAITING),
      'reserved = open orders': sku(AWAITING),
      'checkout = order': checkout(AWAITING),
    },
  },
  {
    change: 'the price of a line raised',
    in: 'loms',
    sql: `update order_lines set price = price + 1 where order_id = ${PAYED.id} and sku = ${PAYED.sku}`,
    breaks: { 'checkout = order': checkout(PAYED) },
  },
  {
    change: 'the name in a line changed',
    in: 'loms',
    sql: `update order_lines set name = 'another' where order_id = ${PAYED.id} and sku = ${PAYED.sku}`,
    breaks: { 'checkout = order': checkout(PAYED) },
  },
  {
    change: 'a refusal that names another order',
    in: 'loms',
    sql: `update orders set refusal = jsonb_set(refusal, '{values,orderId}', '"11"') where id = ${FAILED.id}`,
    breaks: { histories: order(FAILED) },
  },
  {
    change: 'a refusal that names no order',
    in: 'loms',
    sql: `update orders set refusal = refusal #- '{values,orderId}' where id = ${FAILED.id}`,
    breaks: { histories: order(FAILED) },
  },
  {
    change: 'a refusal whose reason does not fit the cause',
    in: 'loms',
    sql: `update orders set refusal = refusal || '{"reason": "CHECKOUT_EXPIRED"}' where id = ${FAILED.id}`,
    breaks: { histories: order(FAILED) },
  },
  {
    change: 'a deadline before the order was made',
    in: 'loms',
    sql: `update orders set pay_before = pay_before - interval '10 minutes' where id = ${FAILED.id}`,
    breaks: { 'paid in time': order(FAILED) },
  },
  {
    change: 'a deadline more than a day after the order was made',
    in: 'loms',
    sql: `update orders set pay_before = pay_before + interval '1 day' where id = ${AWAITING.id}`,
    breaks: { 'paid in time': order(AWAITING) },
  },
  {
    change: 'an order that was paid at its deadline',
    in: 'loms',
    sql: `update orders
             set pay_before = (select moment from order_events where ${isVersion(OTHER_PAYED, 3)})
           where id = ${OTHER_PAYED.id};
          -- The deadline must still lie after the first event.
          update order_events set moment = moment - interval '1 minute' where ${isVersion(OTHER_PAYED, 1)}`,
    breaks: {
      'paid in time': order(OTHER_PAYED),
      'events in the log': version(OTHER_PAYED, 1),
      'log = events': record(OTHER_PAYED, 1),
      'told = happened': version(OTHER_PAYED, 1),
    },
  },
  {
    change: 'an order that expired before its deadline',
    in: 'loms',
    sql: `update orders set cause = 'payment expired' where id = ${CANCELLED.id};
          update order_events set cause = 'payment expired' where ${isVersion(CANCELLED, 3)}`,
    breaks: { 'paid in time': order(CANCELLED) },
  },
];

const EVENTS: readonly Fault[] = [
  {
    change: 'the first event of an order deleted',
    in: 'loms',
    sql: `delete from order_events where ${isVersion(PAYED, 1)}`,
    breaks: {
      histories: version(PAYED, 2),
      'log = events': record(PAYED, 1),
      'told = happened': version(PAYED, 1),
    },
  },
  {
    change: 'an event in the middle of a history deleted',
    in: 'loms',
    sql: `delete from order_events where ${isVersion(PAYED, 2)}`,
    breaks: {
      histories: version(PAYED, 3),
      'log = events': record(PAYED, 2),
      'told = happened': version(PAYED, 2),
    },
  },
  {
    change: 'the last event of an order deleted',
    in: 'loms',
    sql: `delete from order_events where ${isVersion(PAYED, 3)}`,
    breaks: { histories: order(PAYED), 'log = events': record(PAYED, 3), 'told = happened': version(PAYED, 3) },
  },
  {
    change: 'the status of an event changed',
    in: 'loms',
    sql: `update order_events set status = 'failed' where ${isVersion(PAYED, 2)}`,
    breaks: {
      histories: version(PAYED, 3),
      'events in the log': version(PAYED, 2),
      'log = events': record(PAYED, 2),
      'read = recorded': version(PAYED, 2),
      'told = happened': version(PAYED, 2),
    },
  },
  {
    change: 'the cause of an event set, though its status has none',
    in: 'loms',
    sql: `update order_events set cause = 'shopper' where ${isVersion(PAYED, 2)}`,
    breaks: { histories: version(PAYED, 2) },
  },
  {
    change: 'the cause of another status, in the order and in its event',
    in: 'loms',
    sql: `update order_events set cause = 'shortage' where ${isVersion(CANCELLED, 3)};
          update orders set cause = 'shortage' where id = ${CANCELLED.id}`,
    breaks: { histories: version(CANCELLED, 3) },
  },
  {
    change: 'the moment of an event moved by a millisecond',
    in: 'loms',
    sql: `update order_events set moment = moment + interval '1 ms' where ${isVersion(PAYED, 2)}`,
    breaks: {
      'events in the log': version(PAYED, 2),
      'log = events': record(PAYED, 2),
      'told = happened': version(PAYED, 2),
    },
  },
  {
    change: 'the place of an event in the log changed',
    in: 'loms',
    sql: `update order_events set log_offset = log_offset + 1 where ${isVersion(PAYED, 2)}`,
    breaks: { 'events in the log': version(PAYED, 2) },
  },
  {
    change: 'events marked as published that the log never had',
    in: 'loms',
    sql: `update order_events set log_partition = 3, log_offset = 1000000 where order_id = ${ON_ITS_WAY.id}`,
    breaks: { 'events in the log': version(ON_ITS_WAY, 1) },
  },
  {
    change: 'a version skipped without an operator',
    in: 'loms',
    sql: `update order_events set skipped = true where ${isVersion(PAYED, 2)}`,
    breaks: { 'skipped = audited': version(PAYED, 2) },
  },
  {
    change: 'the audit of a skipped version deleted',
    in: 'loms',
    sql: 'delete from audit',
    breaks: { 'skipped = audited': version(DEAD_ORDER, 2) },
  },
  {
    change: 'an event without an order',
    in: 'loms',
    sql: `insert into order_events (order_id, version, status, moment) values (5000, 1, 'new', now())`,
    breaks: { histories: 'order 5000' },
  },
];

const NOTIFICATIONS: readonly Fault[] = [
  {
    change: 'the status of a notification changed',
    in: 'notifier',
    sql: `update notifications set status = 'cancelled' where ${isVersion(PAYED, 3)}`,
    breaks: {
      'read = recorded': version(PAYED, 3),
      'told = happened': version(PAYED, 3),
      'told = log': version(PAYED, 3),
    },
  },
  {
    change: 'the moment of a notification moved by a millisecond',
    in: 'notifier',
    sql: `update notifications set moment = moment - interval '1 ms' where ${isVersion(PAYED, 3)}`,
    breaks: { 'told = happened': version(PAYED, 3), 'told = log': version(PAYED, 3) },
  },
  {
    change: 'the place of a notification in the log changed',
    in: 'notifier',
    sql: `update notifications set log_offset = log_offset + 1 where ${isVersion(PAYED, 3)}`,
    breaks: { 'told = log': version(PAYED, 3) },
  },
  {
    change: 'a notification made dead without a dead letter',
    in: 'notifier',
    sql: `update notifications set state = 'dead', told_at = null, reason = 'x' where ${isVersion(PAYED, 2)}`,
    breaks: { 'dead = dead letter': version(PAYED, 2) },
  },
  {
    change: 'a notification made dead as if its version had been skipped',
    in: 'notifier',
    sql: `update notifications
             set state = 'dead', told_at = null, status = null, moment = null, reason = '${SKIPPED_REASON}'
           where ${isVersion(PAYED, 3)}`,
    breaks: { 'dead = dead letter': version(PAYED, 3) },
  },
  {
    change: 'a notification made an unreadable event',
    in: 'notifier',
    sql: `delete from notifications where ${isVersion(PAYED, 3)};
          insert into unreadable_events values (${PAYED.partition}, ${PAYED.offsets[2]}, now(), 'x')`,
    breaks: { 'dead = dead letter': `partition ${PAYED.partition} offset ${PAYED.offsets[2]}` },
  },
  {
    change: 'a notification in the middle of a history deleted',
    in: 'notifier',
    sql: `delete from notifications where ${isVersion(PAYED, 2)}`,
    breaks: { 'read = recorded': version(PAYED, 2), 'told in order': version(PAYED, 3) },
  },
  {
    change: 'the last notification of an order deleted',
    in: 'notifier',
    sql: `delete from notifications where ${isVersion(PAYED, 3)}`,
    breaks: { 'read = recorded': version(PAYED, 3) },
  },
  {
    change: 'a notification of a step that the order did not take',
    in: 'notifier',
    sql: `insert into notifications
            (order_id, version, status, moment, state, received_at, told_at, log_partition, log_offset)
          values (${AWAITING.id}, 3, 'payed', now(), 'applied', now(), now(), 5, 58)`,
    breaks: { 'told = happened': version(AWAITING, 3), 'told = log': version(AWAITING, 3) },
  },
  {
    change: 'a notification of an order that does not exist',
    in: 'notifier',
    sql: `insert into notifications (order_id, version, status, moment, state, received_at, log_partition, log_offset)
          values (6000, 1, 'new', now(), 'parked', now(), 5, 58)`,
    breaks: {
      histories: 'order 6000',
      'told = happened': 'order 6000 version 1',
      'told = log': 'order 6000 version 1',
      'told in order': 'order 6000 version 1',
    },
  },
  {
    change: 'an applied version back to parked',
    in: 'notifier',
    sql: `update notifications set state = 'parked', told_at = null where ${isVersion(PAYED, 2)}`,
    breaks: { 'told in order': version(PAYED, 2) },
  },
  {
    change: 'a parked version told before its turn',
    in: 'notifier',
    sql: `update notifications set state = 'applied', told_at = now() where ${isVersion(PARKED_ORDER, 2)}`,
    breaks: { 'told in order': version(PARKED_ORDER, 2) },
  },
];

const refuse = (reason: string) => `state = 'refused', order_id = null, refusal = '{"reason": "${reason}"}'`;

const CHECKOUTS: readonly Fault[] = [
  {
    change: 'a checkout that names the order of another one',
    in: 'cart',
    sql: `update checkouts set order_id = ${OTHER_PAYED.id} where ${isCheckout(PAYED)}`,
    breaks: { 'checkout = order': checkout(PAYED), 'order = checkout': order(PAYED) },
  },
  {
    change: 'a checkout that names an order that does not exist',
    in: 'cart',
    sql: `update checkouts set order_id = 999 where ${isCheckout(PAYED)}`,
    breaks: { 'checkout = order': checkout(PAYED), 'order = checkout': order(PAYED) },
  },
  {
    change: 'a checkout closed by hand although its order followed',
    in: 'cart',
    sql: `update checkouts set ${refuse('CHECKOUT_ABANDONED')} where ${isCheckout(PAYED)}`,
    breaks: { 'order = checkout': order(PAYED) },
  },
  {
    change: 'a conflict over an order of the same user with the same lines',
    in: 'cart',
    sql: `update checkouts set ${refuse('CHECKOUT_CONFLICT')} where ${isCheckout(PAYED)}`,
    breaks: { 'order = checkout': order(PAYED) },
  },
  {
    change: 'the user of a checkout changed',
    in: 'cart',
    sql: `update checkouts set user_id = 1 where ${isCheckout(PAYED)}`,
    breaks: { 'checkout = order': checkout(PAYED) },
  },
  {
    change: 'a line of a checkout changed',
    in: 'cart',
    sql: `update checkout_lines set count = 60 where checkout_id = '${checkoutIdOf(PAYED)}'`,
    breaks: { 'checkout = order': checkout(PAYED) },
  },
  {
    change: 'a refused checkout with an order that did not fail',
    in: 'cart',
    sql: `update checkouts
             set state = 'refused', refusal = '{"reason": "INSUFFICIENT_STOCK"}'
           where ${isCheckout(PAYED)}`,
    breaks: { 'checkout = order': checkout(PAYED) },
  },
  {
    change: 'a done checkout with a failed order',
    in: 'cart',
    sql: `update checkouts set state = 'done', refusal = null where ${isCheckout(FAILED)}`,
    breaks: { 'checkout = order': checkout(FAILED) },
  },
  {
    change: 'a refused checkout without its failed order',
    in: 'cart',
    sql: `update checkouts set order_id = null where ${isCheckout(FAILED)}`,
    breaks: { 'checkout = order': checkout(FAILED), 'order = checkout': order(FAILED) },
  },
];

const LOG: readonly Fault[] = [
  {
    change: 'a record deleted',
    in: 'log',
    sql: `delete from records where ${isRecord(PAYED, 2)}`,
    breaks: {
      'events in the log': version(PAYED, 2),
      'log without gaps': `partition ${PAYED.partition} of ${ORDER_EVENTS_TOPIC}`,
      'log in order': version(PAYED, 3),
      'told = log': version(PAYED, 2),
    },
  },
  {
    change: 'the first record of a partition deleted, which is too young to be pruned',
    in: 'log',
    sql: `delete from records where partition = 5 and "offset" = 0`,
    // Order 5 is the first one in partition 5.
    breaks: { 'events in the log': 'order 5 version 1', 'told = log': 'order 5 version 1' },
  },
  {
    change: 'records pruned that a group has not read',
    in: 'log',
    sql: `update group_partitions set next_offset = 2 where partition = 5;
          delete from records where partition = 5 and "offset" < 3`,
    breaks: {
      'log without gaps': `partition 5 of ${ORDER_EVENTS_TOPIC}`,
      'events in the log': 'order 5 version 1',
      'told = log': 'order 5 version 1',
    },
  },
  {
    change: 'the key of a record changed',
    in: 'log',
    sql: `update records set key = '${OTHER_PAYED.id}' where ${isRecord(PAYED, 2)}`,
    breaks: { ...brokenRecord(PAYED, 2), 'log in order': version(PAYED, 3) },
  },
  {
    change: 'the identity of a record changed',
    in: 'log',
    sql: `update records set headers = headers || '{"ce_id": "${PAYED.id}-9"}' where ${isRecord(PAYED, 2)}`,
    breaks: brokenRecord(PAYED, 2),
  },
  {
    change: 'the identity of a record removed',
    in: 'log',
    sql: `update records set headers = headers - 'ce_id' where ${isRecord(PAYED, 2)}`,
    breaks: brokenRecord(PAYED, 2),
  },
  {
    change: 'the status in a record changed',
    in: 'log',
    sql: `update records set value = '{"order_id":${PAYED.id},"status":"failed"}' where ${isRecord(PAYED, 2)}`,
    breaks: brokenRecord(PAYED, 2),
  },
  {
    change: 'the moment in the value of a record changed',
    in: 'log',
    sql: `update records
             set value = convert_to(regexp_replace(convert_from(value, 'utf8'), '"moment":"\\d+', '"moment":"2001'),
                                    'utf8')
           where ${isRecord(PAYED, 2)}`,
    breaks: brokenRecord(PAYED, 2),
  },
  {
    change: 'the moment in the headers of a record changed',
    in: 'log',
    sql: `update records
             set headers = headers || '{"ce_time": "2001-01-01T00:00:00.000Z"}'
           where ${isRecord(PAYED, 2)}`,
    breaks: brokenRecord(PAYED, 2),
  },
  {
    change: 'a moment that is not a time',
    in: 'log',
    sql: `update records
             set value = '{"order_id":${PAYED.id},"status":"awaiting payment","moment":"once"}'
           where ${isRecord(PAYED, 2)}`,
    breaks: brokenRecord(PAYED, 2),
  },
  {
    change: 'a value that is not JSON',
    in: 'log',
    sql: `update records set value = '\\xff00' where ${isRecord(PAYED, 2)}`,
    breaks: brokenRecord(PAYED, 2),
  },
  {
    change: 'a marker for a version that nobody skipped',
    in: 'log',
    sql: `update records
             set value = '', headers = headers || '{"ce_type": "${EVENT_TYPES.versionSkipped}"}'
           where ${isRecord(PAYED, 2)}`,
    breaks: brokenRecord(PAYED, 2),
  },
  {
    change: 'two records of an order exchanged',
    in: 'log',
    sql: `update records r
             set value = o.value, headers = o.headers
            from records o
           where r.key = '${PAYED.id}' and o.key = r.key
             and r."offset" <> o."offset"
             and r."offset" in (${PAYED.offsets[0]}, ${PAYED.offsets[1]})
             and o."offset" in (${PAYED.offsets[0]}, ${PAYED.offsets[1]})`,
    breaks: {
      'events in the log': version(PAYED, 2),
      'log in order': version(PAYED, 2),
      'told = log': version(PAYED, 2),
    },
  },
  {
    change: 'a record of an order that does not exist',
    in: 'log',
    sql: `insert into records (topic, partition, "offset", key, value, headers)
          values ('${ORDER_EVENTS_TOPIC}', 7, 8, '7000', '{}', '{"ce_id": "7000-1", "ce_sequence": "1"}');
          update partitions set next_offset = 9 where partition = 7`,
    breaks: { 'log = events': 'record 7/8' },
  },
  {
    change: 'a dead letter that names another place',
    in: 'log',
    sql: `update records
             set headers = headers || '{"dead_letter_offset": "0"}'
           where topic = '${DEAD_LETTERS_TOPIC}' and "offset" = 0`,
    breaks: { 'dead = dead letter': version(DEAD_ORDER, 1) },
  },
  {
    change: 'the next offset of a partition raised',
    in: 'log',
    sql: 'update partitions set next_offset = next_offset + 1 where partition = 5',
    breaks: { 'log without gaps': `partition 5 of ${ORDER_EVENTS_TOPIC}` },
  },
  {
    change: 'the offset of a group moved past the end',
    in: 'log',
    sql: 'update group_partitions set next_offset = 1000 where partition = 8',
    breaks: { 'log without gaps': `partition 8 of ${ORDER_EVENTS_TOPIC}` },
  },
];

export const VIOLATIONS: readonly Fault[] = [...STOCK, ...ORDERS, ...EVENTS, ...NOTIFICATIONS, ...CHECKOUTS, ...LOG];

export const DELAYS: readonly Fault[] = [
  {
    change: 'a checkout that stays open',
    in: 'cart',
    sql: `update checkouts set decide_before = tally_now() - interval '31 seconds' where state = 'open'`,
    breaks: { 'checkouts are decided': `checkout ${OPEN_CHECKOUT}` },
  },
  {
    change: 'an order that stays unpaid after its deadline',
    in: 'loms',
    sql: `update orders set pay_before = tally_now() - interval '31 seconds' where id = ${WITHOUT_CHECKOUT.id}`,
    breaks: { 'orders expire': order(WITHOUT_CHECKOUT) },
  },
  {
    change: 'an event that stays unpublished',
    in: 'loms',
    sql: `update order_events set moment = tally_now() - interval '31 seconds' where order_id = ${ON_ITS_WAY.id}`,
    breaks: { 'events are published': version(ON_ITS_WAY, 1) },
  },
  {
    change: 'an event in quarantine, without the events that wait for it',
    in: 'loms',
    sql: `update order_events set moment = tally_now() - interval '31 seconds' where order_id = ${ON_ITS_WAY.id};
          update order_events set quarantine = 'too large' where ${isVersion(ON_ITS_WAY, 1)}`,
    breaks: { 'nothing in quarantine': version(ON_ITS_WAY, 1) },
  },
  {
    change: 'a record that stays unread',
    in: 'log',
    sql: `update records set moment = now() - interval '31 seconds' where partition = 7 and "offset" = 7`,
    breaks: { 'events are read': 'partition 7' },
  },
  {
    change: 'a notification that stays parked',
    in: 'notifier',
    sql: `update notifications set received_at = tally_now() - interval '61 seconds' where state = 'parked'`,
    breaks: { 'nothing stays parked': version(PARKED_ORDER, 2) },
  },
];
