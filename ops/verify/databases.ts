import { type ConfigReader, type Environment, readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';
import { type Db, failureOf } from '@tally/platform/postgres';

import { DATABASES, DATABASE_NAMES, type DatabaseName, POSTGRES_SCHEMES, toUrlVariable } from '@tally/sql/databases';

import { KAFKA_SCHEME, openReaders } from './kafka-log.ts';

/** URLs of PostgreSQL; that of the log may be `kafka://host:port,host:port`. */
export type DatabaseUrls = Readonly<Record<DatabaseName, string>>;

export function readDatabaseUrl(reader: ConfigReader, name: DatabaseName): string {
  return reader.url(toUrlVariable(name), `database of ${name === 'log' ? 'the event log' : name}`, POSTGRES_SCHEMES);
}

/** All four, or one ConfigError with every fault. */
export function readDatabaseUrls(env: Environment): DatabaseUrls {
  return readConfig(env, (reader) => ({
    cart: readDatabaseUrl(reader, 'cart'),
    loms: readDatabaseUrl(reader, 'loms'),
    notifier: readDatabaseUrl(reader, 'notifier'),
    log: readLogUrl(reader, env),
  }));
}

/** KAFKA_BROKERS says that the log is Kafka, as it does to the services. */
function readLogUrl(reader: ConfigReader, env: Environment): string {
  if (!env['KAFKA_BROKERS']?.trim()) return readDatabaseUrl(reader, 'log');
  return `${KAFKA_SCHEME}${reader.addresses('KAFKA_BROKERS', 'the event log on Kafka')?.join(',')}`;
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
    await readers.events.bounds();
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
