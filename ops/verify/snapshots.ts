import { type Db, type Transaction, openDb } from '@tally/platform/postgres';
import { type DatabaseName, KAFKA_SCHEME, forEachDatabase } from '@tally/sql/databases';

import { type DatabaseUrls, requireDatabases } from './databases.ts';
import { type KafkaLog, type KafkaReaders, openReaders, takeKafkaLog } from './kafka-log.ts';
import { bind } from './queries.ts';

/**
 * The snapshots and their databases, in the order in which they are taken. The system keeps working meanwhile, and in
 * another order verify would raise false alarms. When a rule compares two databases, the one that the system writes
 * last is read first. Whatever the first snapshot shows was written to the other database even earlier, so the second
 * snapshot shows it too. The second one may show more, because the system went on between the two.
 *
 * - `offsets` before `notifier`: a group commits an offset after the transaction that stored the events below it. So
 *   every event below a committed offset is among the notifications.
 * - `notifier` before `log`: a notification is made of a record, and a dead letter lies in the log before its event is
 *   stored as dead. So the log shows the record or dead letter of every notification.
 * - `log` before `loms`: a record is made of a committed row of order_events. So loms shows every event that was told
 *   and every event in the log. The status and the moment of an event never change.
 * - `closed` before `loms`: cart closes a checkout after loms answered, and loms answers after its commit. So loms
 *   shows the order that a closed checkout names. Closed checkouts and the lines of orders never change, and no order
 *   leaves `failed`, so the two still agree when loms is read later.
 * - `loms` before `cart`: cart commits a checkout before it calls loms. So cart shows the checkout of every order that
 *   it asked for. The checkout may be open; if it is closed, it names the order.
 * - `loms` before `recorded`: loms stores the place of an event after the log acknowledged it. So `recorded` shows a
 *   record at every place that loms names.
 *
 * All queries of one snapshot see its database as it was at one moment, with either all changes of a transaction or
 * none. What is late is judged within one snapshot, by the clock of its own database when the snapshot was taken. The
 * services set deadlines by the same clock, so neither a wrong clock on the machine of verify nor a long run makes
 * anything late.
 */
const ORDER = [
  ['offsets', 'log'],
  ['notifier', 'notifier'],
  ['log', 'log'],
  ['closed', 'cart'],
  ['loms', 'loms'],
  ['cart', 'cart'],
  ['recorded', 'log'],
] as const satisfies readonly (readonly [string, DatabaseName])[];

export type SnapshotName = (typeof ORDER)[number][0];

export interface Snapshot {
  /** Set when the snapshot shows a log on Kafka. Its queries see only the records that were fetched. */
  readonly kafka: KafkaLog | undefined;
  /**
   * Returns the rows of a query. Its parameters are the given values, the contract of orders and events, and `:moment`,
   * the time on the database's clock when the snapshot was taken.
   */
  rows(query: string, values?: Readonly<Record<string, unknown>>): Promise<any[]>;
}

export type Snapshots = Readonly<Record<SnapshotName, Snapshot>>;

// With --full, a query over millions of orders may take minutes, but a server that stopped must be noticed.
const ANSWER_LIMIT_MS = 15 * 60_000;

/**
 * The role has timeouts that are meant for services, which hold locks. They are off here, because these transactions
 * only read. Custom plans take the size of the given lists into account.
 */
const SETTINGS = `
  set local statement_timeout = 0;
  set local transaction_timeout = 0;
  set local idle_in_transaction_session_timeout = 0;
  set local plan_cache_mode = force_custom_plan`;

/**
 * Takes all snapshots in their order, keeps them until `work` has ended, and resolves with its result. `onTaken` is
 * awaited after each snapshot. If a database cannot be read, rejects before it takes any snapshot.
 */
export async function withSnapshots<T>(
  urls: DatabaseUrls,
  work: (snapshots: Snapshots) => Promise<T>,
  onTaken: (name: SnapshotName) => Promise<void> = async () => {},
): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const isOnKafka = urls.log.startsWith(KAFKA_SCHEME);
  const dbs = forEachDatabase<Db>((name) =>
    stack.use(
      openDb({
        // The records of Kafka are copied into temporary tables, for which any database will do.
        url: name === 'log' && isOnKafka ? urls.notifier : urls[name],
        applicationName: 'verify',
        maxConnections: ORDER.filter(([, database]) => database === name).length,
        answerTimeoutMs: ANSWER_LIMIT_MS,
      }),
    ),
  );
  await requireDatabases(urls, isOnKafka ? { cart: dbs.cart, loms: dbs.loms, notifier: dbs.notifier } : dbs);
  const readers = isOnKafka ? stack.use(await openReaders(urls.log)) : undefined;

  // A snapshot lasts as long as its transaction, so each transaction encloses those of the later snapshots.
  const takeFrom = (index: number, taken: Partial<Record<SnapshotName, Snapshot>>): Promise<T> => {
    const next = ORDER[index];
    if (next === undefined) return work(taken as Snapshots);
    const [name, database] = next;
    return dbs[database].transaction(
      async (tx) => {
        const snapshot = await takeSnapshot(tx, database, database === 'log' ? readers : undefined);
        await onTaken(name);
        return takeFrom(index + 1, { ...taken, [name]: snapshot });
      },
      // A read-only transaction cannot create temporary tables.
      { snapshot: database !== 'log' || !isOnKafka },
    );
  };
  return await takeFrom(0, {});
}

/** Takes a snapshot, which begins with the first query of the transaction. That query also reads the clock. */
async function takeSnapshot(
  tx: Transaction,
  database: DatabaseName,
  readers: KafkaReaders | undefined,
): Promise<Snapshot> {
  // Only the databases of the services have the function tally_now, whose clock tests can shift.
  const clock = database === 'log' ? 'clock_timestamp()' : 'tally_now()';
  // The moment stays text, because a JavaScript date would lose its microseconds.
  const [, { rows }] = await Promise.all([tx.query(SETTINGS), tx.query(`select ${clock}::text as moment`)]);
  const { moment } = rows[0] as { moment: string };
  return {
    kafka: readers && (await takeKafkaLog(readers, tx)),
    async rows(query, values) {
      const bound = bind(query, { moment, ...values });
      return (await tx.query(bound.text, bound.values)).rows;
    },
  };
}
