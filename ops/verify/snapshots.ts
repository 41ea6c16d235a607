import { type Db, type Transaction, openDb } from '@tally/platform/postgres';
import type { DatabaseName } from '@tally/sql/databases';

import { type DatabaseUrls, requireDatabases } from './databases.ts';
import { KAFKA_SCHEME, type KafkaReaders, type Needs, openReaders, takeKafkaLog } from './kafka-log.ts';

/**
 * The order in which the snapshots are taken. It is what keeps a busy system from raising a false alarm: of two places
 * that must agree, the one that is written later in life is read first. What it shows was then already true in the
 * other, and whatever happens between the two readings can only add there.
 *
 * - `offsets` before `notifier`: a group commits an offset behind the transaction that stored what it read. So whatever
 *   lies below a committed offset is seen in the notifications.
 * - `notifier` before `log`: a notification is made of a record. `log` before `loms`: a record is made of a committed row
 *   of order_events. So nothing is told, and nothing lies in the log, that loms would not show. A dead letter is in the log
 *   before the notifier keeps its event as dead.
 * - `closed` before `loms`: an intent is closed behind loms' answer, and loms answers behind its commit. So the order that a
 *   closed checkout names is there. Rows of closed checkouts, of orders' lines and of events do not change any more, and an
 *   order never leaves `failed`, nor comes to it from `awaiting payment`.
 * - `loms` before `cart`: a checkout is frozen in a committed transaction before loms hears of it. So of every order the
 *   checkout is there, if cart made one, open or closed; if it is closed, it names that order.
 * - `loms` before `recorded`: loms marks an event behind the log's acknowledgement. So every mark points at a record.
 *
 * Within one database a rule sees one snapshot, in which a transaction is there with all that it wrote, or not at all: one
 * that is half-way is invisible. Lateness is judged inside one snapshot, by the clock of its own database as it was taken.
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
  /** The database's clock when the snapshot was taken, as text: nothing of it is lost on the way back. */
  readonly moment: string;
  /** Whether it shows a log on Kafka. */
  readonly isKafka: boolean;
  /** Rows of a query. A log on Kafka brings the records that it needs first. */
  rows(text: string, values?: readonly unknown[], needs?: Needs): Promise<any[]>;
}

export type Snapshots = Readonly<Record<SnapshotName, Snapshot>>;

// A full proof of millions of orders takes minutes; a server that stopped altogether is noticed all the same.
const ANSWER_LIMIT_MS = 15 * 60_000;

/**
 * For this session alone: the role's timeouts are for services that hold locks, and this one only reads. Plans are made
 * for the arrays at hand.
 */
const SETTINGS = `
  set local statement_timeout = 0;
  set local transaction_timeout = 0;
  set local idle_in_transaction_session_timeout = 0;
  set local plan_cache_mode = force_custom_plan`;

/** Takes all snapshots in their order, and keeps them while `work` reads. `onTaken` is waited for behind each. */
export async function withSnapshots<T>(
  urls: DatabaseUrls,
  work: (snapshots: Snapshots) => Promise<T>,
  onTaken: (name: SnapshotName) => Promise<void> = async () => {},
): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const isOnKafka = urls.log.startsWith(KAFKA_SCHEME);
  const open = (name: DatabaseName, url = urls[name]) =>
    stack.use(
      openDb({
        url,
        applicationName: 'verify',
        maxConnections: ORDER.filter(([, database]) => database === name).length,
        answerTimeoutMs: ANSWER_LIMIT_MS,
      }),
    );
  const dbs: Record<DatabaseName, Db> = {
    cart: open('cart'),
    loms: open('loms'),
    notifier: open('notifier'),
    // What is read of Kafka is put into temporary tables, for which any database will do.
    log: isOnKafka ? open('log', urls.notifier) : open('log'),
  };
  await requireDatabases(urls, isOnKafka ? { cart: dbs.cart, loms: dbs.loms, notifier: dbs.notifier } : dbs);
  const readers = isOnKafka ? stack.use(await openReaders(urls.log)) : undefined;

  const takeFrom = (nth: number, taken: Partial<Record<SnapshotName, Snapshot>>): Promise<T> => {
    const next = ORDER[nth];
    if (next === undefined) return work(taken as Snapshots);
    const [name, database] = next;
    return dbs[database].transaction(
      async (tx) => {
        const snapshot = await take(tx, database, database === 'log' ? readers : undefined);
        await onTaken(name);
        return takeFrom(nth + 1, { ...taken, [name]: snapshot });
      },
      // Temporary tables cannot be made in a transaction that only reads.
      { snapshot: database !== 'log' || !isOnKafka },
    );
  };
  return await takeFrom(0, {});
}

/** A snapshot begins with the first query: this one, which also reads the clock. */
async function take(tx: Transaction, database: DatabaseName, readers: KafkaReaders | undefined): Promise<Snapshot> {
  // The log has no business clock.
  const clock = database === 'log' ? 'clock_timestamp()' : 'tally_now()';
  const [, { rows }] = await Promise.all([tx.query(SETTINGS), tx.query(`select ${clock}::text as moment`)]);
  const kafka = readers === undefined ? undefined : await takeKafkaLog(readers, tx);
  return {
    moment: rows[0].moment,
    isKafka: kafka !== undefined,
    async rows(text, values, needs = { kind: 'none' }) {
      await kafka?.bring(needs);
      return (await tx.query(text, values === undefined ? undefined : [...values])).rows;
    },
  };
}
