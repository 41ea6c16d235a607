import { join } from 'node:path';

import { readConfig } from '@tally/platform/config';
import { createDatabase, createRole, migrate } from '@tally/platform/postgres';

import { readPrepareConfig } from './config.ts';
import { DATABASE_NAMES } from './databases.ts';

/*
  Prepares a PostgreSQL server for Tally: creates the role `tally` with its timeouts, creates the databases, and
  migrates them. It keeps what exists, so it can run before every start.
*/

try {
  const { adminUrl, password, names } = readConfig(process.env, readPrepareConfig);
  const unknown = names.filter((name) => !DATABASE_NAMES.some((known) => known === name));
  if (unknown.length > 0)
    throw new Error(`DATABASES is '${names.join(',')}': choose from ${DATABASE_NAMES.join(', ')}`);
  await createRole(adminUrl, password);
  for (const name of names) {
    const url = Object.assign(new URL(await createDatabase(adminUrl, name)), { password }).href;
    const applied = await migrate({ url, dir: join(import.meta.dir, name, 'migrations') });
    console.log(`${name}: ${applied.length === 0 ? 'up to date' : applied.join(', ')}`);
  }
} catch (error) {
  console.error(`prepare: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
