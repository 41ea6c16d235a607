import type { ConfigReader } from '@tally/platform/config';

import { DATABASE_NAMES, type DatabaseName, POSTGRES_SCHEMES, forEachDatabase, toUrlVariable } from './databases.ts';

interface PrepareConfig {
  readonly adminUrl: string;
  readonly password: string;
  /** Names of the databases to create. */
  readonly names: readonly string[];
}

export function readPrepareConfig(reader: ConfigReader): PrepareConfig {
  return {
    adminUrl: reader.url('ADMIN_DATABASE_URL', 'Server to prepare, as its superuser.', POSTGRES_SCHEMES),
    password: reader.text('TALLY_DATABASE_PASSWORD', 'Password of the role tally.'),
    names: reader
      .text('DATABASES', 'Names of the databases to create, separated by commas.', DATABASE_NAMES.join(','))
      .split(','),
  };
}

/** Reads the URL of one database. */
export function readDatabaseUrl(reader: ConfigReader, name: DatabaseName): string {
  const meaning =
    name === 'log' ? 'Database of the event log; unused when KAFKA_BROKERS is set.' : `Database of ${name}.`;
  return reader.url(toUrlVariable(name), meaning, POSTGRES_SCHEMES);
}

/** Reads the URLs of the databases whose migrations `just migrate` runs. */
export function readMigrateConfig(reader: ConfigReader): Readonly<Record<DatabaseName, string>> {
  return forEachDatabase((name) => readDatabaseUrl(reader, name));
}
