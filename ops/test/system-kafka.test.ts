import { expect } from 'bun:test';

import { openKafkaLog } from '@tally/platform/events/kafka';
import { systemClock } from '@tally/platform/concurrency';
import {
  type TestKafka,
  openTestKafka,
  range,
  waitUntil,
  withTimeout,
  missingKafka,
  testWith,
} from '@tally/platform/testing';

import { verify } from '../verify/verify.ts';
import { type TestSystem, openSystem } from './system.ts';

/** Makes and pays one order for each user, one after another. */
async function buy({ cart, loms }: TestSystem, users: readonly bigint[]): Promise<void> {
  for (const user of users) {
    await cart.addItem({ user, item: { sku: 1, count: 1n } }, withTimeout(10_000));
    const { orderID: orderId } = await cart.checkout({ user }, withTimeout(10_000));
    await loms.orderPay({ orderId }, withTimeout(10_000));
  }
}

const usersFrom = (first: number, count: number) => range(count).map((i) => BigInt(first + i));

async function openOnKafka(kafka: TestKafka): Promise<TestSystem> {
  const system = await openSystem({ kafkaBrokers: kafka.brokers });
  await system.stock(1, 1_000);
  return system;
}

/** Returns the names of the invariants that verify calls violated or late. */
async function brokenIn(system: TestSystem): Promise<string[]> {
  const { invariants } = await verify({ urls: system.urls, full: true });
  return invariants.filter(({ verdict }) => verdict === 'violated' || verdict === 'late').map(({ name }) => name);
}

const missing = await missingKafka();

testWith(
  missing,
  'shoppers can order while Kafka is down from the start or killed later, and every event is notified in the end',
  async () => {
    await using kafka = await openTestKafka();
    await kafka.stop();
    await using system = await openOnKafka(kafka);
    await buy(system, usersFrom(1, 20));
    await kafka.start();
    await system.settle();
    await buy(system, usersFrom(101, 20));
    await kafka.kill();
    await buy(system, usersFrom(201, 20));
    await kafka.start();
    await buy(system, usersFrom(301, 20));
    await system.settle();
    const { rows } = await system.db.loms.query(`select count(*)::int as n from orders where status = 'payed'`, []);
    expect(rows).toEqual([{ n: 80 }]);
    const { rows: quarantined } = await system.db.loms.query(
      'select count(*)::int as n from order_events where quarantine is not null',
      [],
    );
    expect(quarantined).toEqual([{ n: 0 }]);
  },
  120_000,
);

testWith(
  missing,
  'verify finds on Kafka what it finds on PostgreSQL',
  async () => {
    await using kafka = await openTestKafka();
    await using system = await openOnKafka(kafka);
    await buy(system, usersFrom(1, 5));
    await system.settle();
    const { seen, totals } = await verify({ urls: system.urls });
    expect({ records: seen.records, events: seen.events, partitions: totals.partitions }).toEqual({
      records: 15,
      events: 15,
      partitions: 6,
    });

    await system.db.loms.query('update order_events set log_offset = log_offset + 1000 where order_id = 1', []);
    expect(await brokenIn(system)).toEqual(['events in the log']);
    await system.db.loms.query('update order_events set log_offset = log_offset - 1000 where order_id = 1', []);

    await system.db.notifier.query('update notifications set log_offset = log_offset + 1 where order_id = 2', []);
    expect(await brokenIn(system)).toEqual(['told = log']);
    await system.db.notifier.query('update notifications set log_offset = log_offset - 1 where order_id = 2', []);

    await system.db.notifier.query('delete from notifications where order_id = 3 and version = 3', []);
    expect(await brokenIn(system)).toEqual(['read = recorded']);

    const already = ['read = recorded'];

    await system.db.loms.query(
      `update order_events set moment = moment + interval '1 ms' where order_id = 4 and version = 1`,
      [],
    );
    expect(await brokenIn(system)).toEqual(['events in the log', 'log = events', ...already, 'told = happened']);
    await system.db.loms.query(
      `update order_events set moment = moment - interval '1 ms' where order_id = 4 and version = 1`,
      [],
    );

    // The notifier cannot read this event, and keeps it as a dead letter.
    await publishForeign(kafka);
    await waitUntil(
      async () =>
        (await system.db.notifier.query(`select from notifications where state = 'dead'`, [])).rows.length === 1,
      { what: 'the foreign event is a dead letter', timeoutMs: 20_000 },
    );
    const foreign = ['histories', 'log = events', 'log in order', ...already];
    expect((await brokenIn(system)).toSorted()).toEqual(foreign.toSorted());

    await system.db.notifier.query(
      `update notifications set state = 'dead', told_at = null, reason = 'x' where order_id = 5 and version = 2`,
      [],
    );
    const { invariants } = await verify({ urls: system.urls });
    expect(invariants.find(({ name }) => name === 'dead = dead letter')).toMatchObject({
      total: 1,
      offenders: [{ id: 'order 5 version 2' }],
    });
  },
  60_000,
);

/** Publishes an unreadable event of version 2 of an order that does not exist. */
async function publishForeign({ brokers }: TestKafka): Promise<void> {
  await using log = openKafkaLog({
    connection: { brokers, clientId: 'test' },
    instance: 'test',
    replicationFactor: 1,
    minInSyncReplicas: 1,
    clock: systemClock,
    random: Math.random,
    onError: () => {},
    giveUp: () => {},
  });
  const headers = { ce_id: '77-2', ce_sequence: '2', ce_type: 'tally.order.status-changed.v1' };
  const value = new TextEncoder().encode('{"order_id":77,"status":"unheard of","moment":"2026-11-24T12:00:00Z"}');
  await log.publish([{ topic: 'loms.order-events', key: '77', value, headers }]);
}
