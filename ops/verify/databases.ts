import type { ConfigReader } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';
import { type Db, failureOf } from '@tally/platform/postgres';
import { readDatabaseUrl } from '@tally/sql/config';
import { DATABASES, DATABASE_NAMES, type DatabaseName, forEachDatabase, KAFKA_SCHEME } from '@tally/sql/databases';

import { openReaders } from './kafka-log.ts';

/** The URL of each database. That of the log may be `kafka://host:port,host:port`. */
export type DatabaseUrls = Readonly<Record<DatabaseName, string>>;

/** Reads the URLs of the three databases and of the log, which is on Kafka when KAFKA_BROKERS is set. */
export function readDatabaseUrls(reader: ConfigReader): DatabaseUrls {
  const brokers = reader.optionalAddresses(
    'KAFKA_BROKERS',
    'Brokers of the event log on Kafka; when unset, the log is on PostgreSQL.',
  );
  return forEachDatabase((name) =>
    name === 'log' && brokers !== undefined ? `${KAFKA_SCHEME}${brokers.join(',')}` : readDatabaseUrl(reader, name),
  );
}

/** Throws one AppError that names each database that cannot be read, and why. */
export async function requireDatabases(
  urls: Partial<DatabaseUrls>,
  dbs: Partial<Record<DatabaseName, Db>>,
): Promise<void> {
  const names = DATABASE_NAMES.filter((name) => dbs[name] !== undefined);
  const problems = await Promise.all(names.map((name) => findProblem(name, dbs[name] as Db)));
  const lines = names.flatMap((name, i) => {
    const problem = problems[i];
    if (problem === undefined) return [];
    const { hostname, port, pathname } = new URL(urls[name] ?? '');
    return [`  - ${name} (${hostname}:${port || 5432}${pathname}): ${problem}`];
  });
  if (urls.log?.startsWith(KAFKA_SCHEME)) {
    const problem = await findKafkaProblem(urls.log);
    if (problem !== undefined) lines.push(`  - log (${urls.log.slice(KAFKA_SCHEME.length)}): ${problem}`);
  }
  if (lines.length > 0) {
    throw new AppError(
      'unavailable',
      `these databases cannot be read:\n${lines.join('\n')}\nRun just status to see what runs.`,
    );
  }
}

async function findKafkaProblem(url: string): Promise<string | undefined> {
  await using readers = await openReaders(url);
  try {
    await readers.events.offsetRanges();
    return undefined;
  } catch (error) {
    if (error instanceof AppError && error.kind === 'unavailable') return 'it does not answer';
    return error instanceof Error ? error.message : String(error);
  }
}

async function findProblem(name: DatabaseName, db: Db): Promise<string | undefined> {
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
