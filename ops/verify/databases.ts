import type { ConfigReader } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';
import { type Db, failureOf } from '@tally/platform/postgres';
import { readDatabaseUrl } from '@tally/sql/config';
import { DATABASES, DATABASE_NAMES, type DatabaseName, forEachDatabase } from '@tally/sql/databases';

import { KAFKA_SCHEME, openReaders } from './kafka-log.ts';

/** URLs of PostgreSQL; that of the log may be `kafka://host:port,host:port`. */
export type DatabaseUrls = Readonly<Record<DatabaseName, string>>;

/** Reads the URLs of the three databases and of the log, which is on Kafka when KAFKA_BROKERS is set. */
export function readDatabaseUrls(reader: ConfigReader): DatabaseUrls {
  const brokers = reader.optionalAddresses(
    'KAFKA_BROKERS',
    'Brokers of the event log on Kafka; without it the log is on PostgreSQL.',
  );
  return forEachDatabase((name) =>
    name === 'log' && brokers !== undefined ? `${KAFKA_SCHEME}${brokers.join(',')}` : readDatabaseUrl(reader, name),
  );
}

/** Throws one AppError that names every database that cannot be used, and why. */
export async function requireDatabases(
  urls: Partial<DatabaseUrls>,
  dbs: Partial<Record<DatabaseName, Db>>,
): Promise<void> {
  const names = DATABASE_NAMES.filter((name) => dbs[name] !== undefined);
  const troubles = await Promise.all(names.map((name) => troubleOf(name, dbs[name] as Db)));
  const lines = names.flatMap((name, i) => {
    const trouble = troubles[i];
    if (trouble === undefined) return [];
    const { hostname, port, pathname } = new URL(urls[name] ?? '');
    return [`  - ${name} (${hostname}:${port || 5432}${pathname}): ${trouble}`];
  });
  if (urls.log?.startsWith(KAFKA_SCHEME)) lines.push(...(await troubleOfKafka(urls.log)));
  if (lines.length > 0)
    throw new AppError(
      'unavailable',
      `what cannot be read:\n${lines.join('\n')}\nWhat runs here, and how it is, says just status.`,
    );
}

async function troubleOfKafka(url: string): Promise<string[]> {
  await using readers = await openReaders(url);
  try {
    await readers.events.offsetRanges();
    return [];
  } catch (error) {
    const isAway = error instanceof AppError && error.kind === 'unavailable';
    const reason = isAway ? 'it does not answer' : error instanceof Error ? error.message : String(error);
    return [`  - log (${url.slice(KAFKA_SCHEME.length)}): ${reason}`];
  }
}

async function troubleOf(name: DatabaseName, db: Db): Promise<string | undefined> {
  try {
    const { table } = DATABASES[name];
    const { rows } = await db.query('select to_regclass($1) is not null as found', [table]);
    if (rows[0].found) return undefined;
    return `there is no table ${table}: is this the database of ${name}, and did its migrations run?`;
  } catch (error) {
    if (failureOf(error) === 'lost' || failureOf(error) === 'timeout') return 'it does not answer';
    return error instanceof Error ? error.message : String(error);
  }
}
