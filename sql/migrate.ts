import { join } from 'node:path';

import { readConfig } from '@tally/platform/config';
import { migrate } from '@tally/platform/postgres';

import { readMigrateConfig } from './config.ts';
import { DATABASE_NAMES } from './databases.ts';

/* Runs the migrations that a database does not have yet, for every database. Its URLs come from variables. */

try {
  const urls = readConfig(process.env, readMigrateConfig);
  for (const name of DATABASE_NAMES) {
    const applied = await migrate({ url: urls[name], dir: join(import.meta.dir, name, 'migrations') });
    console.log(`${name}: ${applied.length === 0 ? 'up to date' : applied.join(', ')}`);
  }
} catch (error) {
  console.error(`migrate: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
