import type { DatabaseName } from '@tally/sql/databases';

/** Something changed by hand: which invariants it breaks, and the ids that they name. */
export interface Spoiled {
  readonly what: string;
  readonly in: DatabaseName;
  readonly by: string;
  readonly breaks: Readonly<Record<string, string>>;
}

// Of the seeded orders 10 failed, 11 and 12 are payed, 17 is cancelled, 119 awaits payment.
const recordOf = (orderId: number, version: number) =>
  `key = '${orderId}' and headers ->> 'ce_sequence' = '${version}'`;
const checkoutOf = (orderId: number) => `id = md5('checkout ' || ${orderId})::uuid`;
const checkout = (orderId: number) =>
  `checkout ${new Bun.CryptoHasher('md5')
    .update(`checkout ${orderId}`)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}`;

/** The record of order 11, version 2. */
const RECORD_5_4 = {
  'events in the log': 'order 11 version 2',
  'log = events': 'record 5/4',
  'told = log': 'order 11 version 2',
};

export const VIOLATED: readonly Spoiled[] = [
  {
    what: 'a counter: the total',
    in: 'loms',
    by: 'update stocks set total = total + 1 where sku = 5',
    breaks: { 'stock = ledger': 'sku 5' },
  },
  {
    what: 'a counter: what is held',
    in: 'loms',
    by: 'update stocks set held = held + 1 where sku = 5',
    breaks: { 'stock = ledger': 'sku 5' },
  },
  {
    what: 'a counter: what is reserved',
    in: 'loms',
    by: 'update stocks set reserved = reserved + 1 where sku = 5',
    breaks: { 'stock = ledger': 'sku 5', 'reserved = open orders': 'sku 5' },
  },
  {
    what: 'a stock deleted',
    in: 'loms',
    by: 'delete from stocks where sku = 5',
    breaks: { 'stock = ledger': 'sku 5' },
  },
  {
    what: 'a movement of another size',
    in: 'loms',
    by: `update stock_movements set total_delta = total_delta - 1 where order_id = 11 and kind = 'ship'`,
    breaks: { 'stock = ledger': 'sku 78', 'movements = lines': 'order 11' },
  },
  {
    what: 'a movement deleted, and its counters with it',
    in: 'loms',
    by: `with gone as (delete from stock_movements where order_id = 17 and kind = 'release' returning sku, reserved_delta)
         update stocks s set reserved = s.reserved - g.reserved_delta from gone g where g.sku = s.sku`,
    breaks: { 'movements = lines': 'order 17', 'reserved = open orders': 'sku 120' },
  },
  {
    what: 'a second movement of an order, and its counters with it',
    in: 'loms',
    by: `insert into stock_movements values (78, 11, 'adjust', -1, 0, 0, now()); update stocks set total = total - 1 where sku = 78`,
    breaks: { 'movements = lines': 'order 11' },
  },
  {
    what: 'a status, back from payed',
    in: 'loms',
    by: `update orders set status = 'awaiting payment' where id = 11`,
    breaks: { histories: 'order 11', 'movements = lines': 'order 11', 'reserved = open orders': 'sku 78' },
  },
  {
    what: 'a status, from cancelled to payed',
    in: 'loms',
    by: `update orders set status = 'payed', cause = null where id = 17`,
    breaks: { histories: 'order 17', 'movements = lines': 'order 17' },
  },
  {
    what: 'a status, back to new, with its event',
    in: 'loms',
    by: `update orders set status = 'new', version = 1 where id = 119; delete from order_events where order_id = 119 and version = 2`,
    breaks: {
      histories: 'order 119',
      'movements = lines': 'order 119',
      'reserved = open orders': 'sku 834',
      'log = events': 'record 5/57',
      'told = happened': 'order 119 version 2',
    },
  },
  {
    what: 'a cause',
    in: 'loms',
    by: `update orders set cause = 'payment expired' where id = 17`,
    breaks: { histories: 'order 17' },
  },
  {
    what: 'a version',
    in: 'loms',
    by: 'update orders set version = 4 where id = 11',
    breaks: { histories: 'order 11' },
  },
  {
    what: 'an order deleted',
    in: 'loms',
    by: 'delete from orders where id = 11',
    breaks: { histories: 'order 11', 'movements = lines': 'order 11', 'checkout = order': checkout(11) },
  },
  {
    what: 'the count of a line',
    in: 'loms',
    by: 'update order_lines set count = count + 1 where order_id = 11 and sku = 78',
    breaks: { 'movements = lines': 'order 11', 'checkout = order': checkout(11) },
  },
  {
    what: 'the lines deleted, and their movements',
    in: 'loms',
    by: `delete from order_lines where order_id = 119; delete from stock_movements where order_id = 119`,
    breaks: {
      'movements = lines': 'order 119',
      'stock = ledger': 'sku 834',
      'reserved = open orders': 'sku 834',
      'checkout = order': checkout(119),
    },
  },
  {
    what: 'the first event deleted',
    in: 'loms',
    by: 'delete from order_events where order_id = 11 and version = 1',
    breaks: { histories: 'order 11 version 2', 'log = events': 'record 5/3', 'told = happened': 'order 11 version 1' },
  },
  {
    what: 'an event in the middle deleted',
    in: 'loms',
    by: 'delete from order_events where order_id = 11 and version = 2',
    breaks: { histories: 'order 11 version 3', 'log = events': 'record 5/4', 'told = happened': 'order 11 version 2' },
  },
  {
    what: 'the last event deleted',
    in: 'loms',
    by: 'delete from order_events where order_id = 11 and version = 3',
    breaks: { histories: 'order 11', 'log = events': 'record 5/5', 'told = happened': 'order 11 version 3' },
  },
  {
    what: 'the status of an event',
    in: 'loms',
    by: `update order_events set status = 'failed' where order_id = 11 and version = 2`,
    breaks: {
      histories: 'order 11 version 3',
      'events in the log': 'order 11 version 2',
      'log = events': 'record 5/4',
      'read = recorded': 'order 11 version 2',
      'told = happened': 'order 11 version 2',
    },
  },
  {
    what: 'the place of an event in the log',
    in: 'loms',
    by: 'update order_events set log_offset = log_offset + 1 where order_id = 11 and version = 2',
    breaks: { 'events in the log': 'order 11 version 2' },
  },
  {
    what: 'an event marked that the log never had',
    in: 'loms',
    by: 'update order_events set log_partition = 3, log_offset = 1000000 where order_id = 900001',
    breaks: { 'events in the log': 'order 900001 version 1' },
  },
  {
    what: 'the moment of an event',
    in: 'loms',
    by: `update order_events set moment = moment + interval '1 ms' where order_id = 11 and version = 2`,
    breaks: {
      'events in the log': 'order 11 version 2',
      'log = events': 'record 5/4',
      'told = happened': 'order 11 version 2',
    },
  },
  {
    what: 'a version skipped without an operator',
    in: 'loms',
    by: 'update order_events set skipped = true where order_id = 11 and version = 2',
    breaks: { 'skipped = audited': 'order 11 version 2' },
  },
  {
    what: 'the audit of a version that was skipped, deleted',
    in: 'loms',
    by: 'delete from audit',
    breaks: { 'skipped = audited': 'order 900003 version 2' },
  },
  {
    what: 'a cause of an event that has none',
    in: 'loms',
    by: `update order_events set cause = 'shopper' where order_id = 11 and version = 2`,
    breaks: { histories: 'order 11 version 2' },
  },
  {
    what: 'a cause that is not of its status, in order and event',
    in: 'loms',
    by: `update order_events set cause = 'shortage' where order_id = 17 and version = 3;
         update orders set cause = 'shortage' where id = 17`,
    breaks: { histories: 'order 17 version 3' },
  },
  {
    what: 'a refusal that names another order',
    in: 'loms',
    by: `update orders set refusal = jsonb_set(refusal, '{values,orderId}', '"11"') where id = 10`,
    breaks: { histories: 'order 10' },
  },
  {
    what: 'a refusal that names no order',
    in: 'loms',
    by: `update orders set refusal = refusal #- '{values,orderId}' where id = 10`,
    breaks: { histories: 'order 10' },
  },
  {
    what: 'a refusal for another cause',
    in: 'loms',
    by: `update orders set refusal = refusal || '{"reason": "CHECKOUT_EXPIRED"}' where id = 10`,
    breaks: { histories: 'order 10' },
  },
  {
    what: 'the price of a line',
    in: 'loms',
    by: 'update order_lines set price = price + 1 where order_id = 11 and sku = 78',
    breaks: { 'checkout = order': checkout(11) },
  },
  {
    what: 'the name in a line',
    in: 'loms',
    by: `update order_lines set name = 'another' where order_id = 11 and sku = 78`,
    breaks: { 'checkout = order': checkout(11) },
  },
  {
    what: 'a deadline before the order was made',
    in: 'loms',
    by: `update orders set pay_before = pay_before - interval '10 minutes' where id = 10`,
    breaks: { 'paid in time': 'order 10' },
  },
  {
    what: 'a deadline that is never reached',
    in: 'loms',
    by: `update orders set pay_before = pay_before + interval '1 day' where id = 119`,
    breaks: { 'paid in time': 'order 119' },
  },
  {
    what: 'an order that was paid when it was due',
    in: 'loms',
    by: `update orders set pay_before = (select moment from order_events where order_id = 12 and version = 3) where id = 12;
         update order_events set moment = moment - interval '1 minute' where order_id = 12 and version = 1`,
    breaks: {
      'paid in time': 'order 12',
      'events in the log': 'order 12 version 1',
      'log = events': 'record 0/3',
      'told = happened': 'order 12 version 1',
    },
  },
  {
    what: 'an order that expired before it was due',
    in: 'loms',
    by: `update orders set cause = 'payment expired' where id = 17;
         update order_events set cause = 'payment expired' where order_id = 17 and version = 3`,
    breaks: { 'paid in time': 'order 17' },
  },
  {
    what: 'events of no order',
    in: 'loms',
    by: `insert into order_events (order_id, version, status, moment) values (5000, 1, 'new', now())`,
    breaks: { histories: 'order 5000' },
  },
  {
    what: 'the status of a notification',
    in: 'notifier',
    by: `update notifications set status = 'cancelled' where order_id = 11 and version = 3`,
    breaks: {
      'read = recorded': 'order 11 version 3',
      'told = happened': 'order 11 version 3',
      'told = log': 'order 11 version 3',
    },
  },
  {
    what: 'the moment of a notification',
    in: 'notifier',
    by: `update notifications set moment = moment - interval '1 ms' where order_id = 11 and version = 3`,
    breaks: { 'told = happened': 'order 11 version 3', 'told = log': 'order 11 version 3' },
  },
  {
    what: 'a notification given up by hand',
    in: 'notifier',
    by: `update notifications set state = 'dead', told_at = null, reason = 'x' where order_id = 11 and version = 2`,
    breaks: { 'dead = dead letter': 'order 11 version 2' },
  },
  {
    what: 'a notification given up by hand, as if it had been skipped',
    in: 'notifier',
    by: `update notifications
            set state = 'dead', told_at = null, status = null, moment = null, reason = 'skipped by an operator'
          where order_id = 11 and version = 3`,
    breaks: { 'dead = dead letter': 'order 11 version 3' },
  },
  {
    what: 'a notification that became an event nobody could read',
    in: 'notifier',
    by: `delete from notifications where order_id = 11 and version = 3;
         insert into unreadable_events values (5, 5, now(), 'x')`,
    breaks: { 'dead = dead letter': 'partition 5 offset 5' },
  },
  {
    what: 'a notification deleted',
    in: 'notifier',
    by: 'delete from notifications where order_id = 11 and version = 2',
    breaks: { 'read = recorded': 'order 11 version 2', 'told in order': 'order 11 version 3' },
  },
  {
    what: 'the last notification deleted',
    in: 'notifier',
    by: 'delete from notifications where order_id = 11 and version = 3',
    breaks: { 'read = recorded': 'order 11 version 3' },
  },
  {
    what: 'a notification of what did not happen',
    in: 'notifier',
    by: `insert into notifications (order_id, version, status, moment, state, received_at, told_at, log_partition, log_offset)
         values (119, 3, 'payed', now(), 'applied', now(), now(), 5, 58)`,
    breaks: { 'told = happened': 'order 119 version 3', 'told = log': 'order 119 version 3' },
  },
  {
    what: 'a notification of an order that does not exist',
    in: 'notifier',
    by: `insert into notifications (order_id, version, status, moment, state, received_at, log_partition, log_offset)
         values (6000, 1, 'new', now(), 'parked', now(), 5, 58)`,
    breaks: {
      histories: 'order 6000',
      'told = happened': 'order 6000 version 1',
      'told = log': 'order 6000 version 1',
      'told in order': 'order 6000 version 1',
    },
  },
  {
    what: 'the place that a notification came from',
    in: 'notifier',
    by: 'update notifications set log_offset = log_offset + 1 where order_id = 11 and version = 3',
    breaks: { 'told = log': 'order 11 version 3' },
  },
  {
    what: 'an applied version that goes back to parked',
    in: 'notifier',
    by: `update notifications set state = 'parked', told_at = null where order_id = 11 and version = 2`,
    breaks: { 'told in order': 'order 11 version 2' },
  },
  {
    what: 'a parked version that was told before its turn',
    in: 'notifier',
    by: `update notifications set state = 'applied', told_at = now() where order_id = 900004 and version = 2`,
    breaks: { 'told in order': 'order 900004 version 2' },
  },
  {
    what: "a checkout's order, to another one",
    in: 'cart',
    by: `update checkouts set order_id = 12 where ${checkoutOf(11)}`,
    breaks: { 'checkout = order': checkout(11), 'order = checkout': 'order 11' },
  },
  {
    what: "a checkout's order, to none that exists",
    in: 'cart',
    by: `update checkouts set order_id = 999 where ${checkoutOf(11)}`,
    breaks: { 'checkout = order': checkout(11), 'order = checkout': 'order 11' },
  },
  {
    what: 'a checkout closed by hand, whose order follows',
    in: 'cart',
    by: `update checkouts set state = 'refused', order_id = null, refusal = '{"reason": "CHECKOUT_ABANDONED"}' where ${checkoutOf(11)}`,
    breaks: { 'order = checkout': 'order 11' },
  },
  {
    what: 'a conflict over the very order of that user and those lines',
    in: 'cart',
    by: `update checkouts set state = 'refused', order_id = null, refusal = '{"reason": "CHECKOUT_CONFLICT"}' where ${checkoutOf(11)}`,
    breaks: { 'order = checkout': 'order 11' },
  },
  {
    what: "a checkout's user",
    in: 'cart',
    by: `update checkouts set user_id = 1 where ${checkoutOf(11)}`,
    breaks: { 'checkout = order': checkout(11) },
  },
  {
    what: "a checkout's line",
    in: 'cart',
    by: `update checkout_lines set count = 60 where checkout_id = md5('checkout 11')::uuid`,
    breaks: { 'checkout = order': checkout(11) },
  },
  {
    what: 'a done checkout that is refused with a good order',
    in: 'cart',
    by: `update checkouts set state = 'refused', refusal = '{"reason": "INSUFFICIENT_STOCK"}' where ${checkoutOf(11)}`,
    breaks: { 'checkout = order': checkout(11) },
  },
  {
    what: 'a refused checkout that is done with a failed order',
    in: 'cart',
    by: `update checkouts set state = 'done', refusal = null where ${checkoutOf(10)}`,
    breaks: { 'checkout = order': checkout(10) },
  },
  {
    what: 'a refused checkout without the failed order that proves it',
    in: 'cart',
    by: `update checkouts set order_id = null where ${checkoutOf(10)}`,
    breaks: { 'checkout = order': checkout(10), 'order = checkout': 'order 10' },
  },
  {
    what: 'a record deleted',
    in: 'log',
    by: `delete from records where ${recordOf(11, 2)}`,
    breaks: {
      'events in the log': 'order 11 version 2',
      'log without gaps': 'partition 5 of loms.order-events',
      'log in order': 'order 11 version 3',
      'told = log': 'order 11 version 2',
    },
  },
  {
    what: 'the first record deleted, long before anything is pruned',
    in: 'log',
    by: `delete from records where partition = 5 and "offset" = 0`,
    breaks: { 'events in the log': 'order 5 version 1', 'told = log': 'order 5 version 1' },
  },
  {
    what: 'a record that was pruned unread',
    in: 'log',
    by: `update group_partitions set next_offset = 2 where partition = 5; delete from records where partition = 5 and "offset" < 3`,
    breaks: {
      'log without gaps': 'partition 5 of loms.order-events',
      'events in the log': 'order 5 version 1',
      'told = log': 'order 5 version 1',
    },
  },
  {
    what: 'the key of a record',
    in: 'log',
    by: `update records set key = '12' where ${recordOf(11, 2)}`,
    breaks: { ...RECORD_5_4, 'log in order': 'order 11 version 3' },
  },
  {
    what: 'the identity of a record',
    in: 'log',
    by: `update records set headers = headers || '{"ce_id": "11-9"}' where ${recordOf(11, 2)}`,
    breaks: RECORD_5_4,
  },
  {
    what: 'an identity that is none',
    in: 'log',
    by: `update records set headers = headers - 'ce_id' where ${recordOf(11, 2)}`,
    breaks: RECORD_5_4,
  },
  {
    what: 'the status in a record',
    in: 'log',
    by: `update records set value = '{"order_id":11,"status":"failed"}' where ${recordOf(11, 2)}`,
    breaks: RECORD_5_4,
  },
  {
    what: 'the moment in a record',
    in: 'log',
    by: `update records
            set value = convert_to(regexp_replace(convert_from(value, 'utf8'), '"moment":"\\d+', '"moment":"2001'), 'utf8')
          where ${recordOf(11, 2)}`,
    breaks: RECORD_5_4,
  },
  {
    what: 'the moment in the headers of a record',
    in: 'log',
    by: `update records set headers = headers || '{"ce_time": "2001-01-01T00:00:00.000Z"}' where ${recordOf(11, 2)}`,
    breaks: RECORD_5_4,
  },
  {
    what: 'a moment that is none',
    in: 'log',
    by: `update records set value = '{"order_id":11,"status":"awaiting payment","moment":"once"}' where ${recordOf(11, 2)}`,
    breaks: RECORD_5_4,
  },
  {
    what: 'a dead letter of another place',
    in: 'log',
    by: `update records set headers = headers || '{"dead_letter_offset": "0"}' where topic = 'loms.order-events.dlq' and "offset" = 0`,
    breaks: { 'dead = dead letter': 'order 900003 version 1' },
  },
  {
    what: 'two records that changed places',
    in: 'log',
    by: `update records r
            set value = o.value, headers = o.headers
           from records o
          where r.key = '11' and o.key = '11' and r."offset" in (3, 4) and o."offset" = 7 - r."offset"`,
    breaks: {
      'events in the log': 'order 11 version 2',
      'log in order': 'order 11 version 2',
      'told = log': 'order 11 version 2',
    },
  },
  {
    what: 'a record of bytes that are no JSON',
    in: 'log',
    by: `update records set value = '\\xff00' where ${recordOf(11, 2)}`,
    breaks: RECORD_5_4,
  },
  {
    what: 'a marker of a version that nobody skipped',
    in: 'log',
    by: `update records set value = '', headers = headers || '{"ce_type": "tally.order.version-skipped.v1"}' where ${recordOf(11, 2)}`,
    breaks: RECORD_5_4,
  },
  {
    what: 'a record of nothing that happened',
    in: 'log',
    by: `insert into records (topic, partition, "offset", key, value, headers)
         values ('loms.order-events', 7, 8, '7000', '{}', '{"ce_id": "7000-1", "ce_sequence": "1"}');
         update partitions set next_offset = 9 where partition = 7`,
    breaks: { 'log = events': 'record 7/8' },
  },
  {
    what: 'the next offset of a partition',
    in: 'log',
    by: 'update partitions set next_offset = next_offset + 1 where partition = 5',
    breaks: { 'log without gaps': 'partition 5 of loms.order-events' },
  },
  {
    what: "a group's offset past the end",
    in: 'log',
    by: 'update group_partitions set next_offset = 1000 where partition = 8',
    breaks: { 'log without gaps': 'partition 8 of loms.order-events' },
  },
];

export const LATE: readonly Spoiled[] = [
  {
    what: 'a checkout that stays open',
    in: 'cart',
    by: `update checkouts set decide_before = tally_now() - interval '31 seconds' where state = 'open'`,
    breaks: { 'checkouts are decided': 'checkout 00000000-0000-4000-8000-000000002001' },
  },
  {
    what: 'an order that nobody cancels',
    in: 'loms',
    by: `update orders set pay_before = tally_now() - interval '31 seconds' where id = 900002`,
    breaks: { 'orders expire': 'order 900002' },
  },
  {
    what: 'an event that stays unpublished',
    in: 'loms',
    by: `update order_events set moment = tally_now() - interval '31 seconds' where order_id = 900001`,
    breaks: { 'events are published': 'order 900001 version 1' },
  },
  {
    what: 'an event in quarantine, and not what waits behind it',
    in: 'loms',
    by: `update order_events set moment = tally_now() - interval '31 seconds' where order_id = 900001;
         update order_events set quarantine = 'too large' where order_id = 900001 and version = 1`,
    breaks: { 'nothing in quarantine': 'order 900001 version 1' },
  },
  {
    what: 'a record that stays unread',
    in: 'log',
    by: `update records set moment = now() - interval '31 seconds' where partition = 7 and "offset" = 7`,
    breaks: { 'events are read': 'partition 7' },
  },
  {
    what: 'a notification that stays parked',
    in: 'notifier',
    by: `update notifications set received_at = tally_now() - interval '61 seconds' where state = 'parked'`,
    breaks: { 'nothing stays parked': 'order 900004 version 2' },
  },
];
