import { join } from 'node:path';

import { readConfig } from '@tally/platform/config';
import { createDatabase, createRole, migrate } from '@tally/platform/postgres';

/*
  Makes a PostgreSQL ready for Tally: the role `tally` with its timeouts, the databases, their newest schemas. What is there
  stays, so it may run before every start.
*/

const DATABASES = ['cart', 'loms', 'notifier', 'log'] as const;

try {
  const { adminUrl, password, names } = readConfig(process.env, (reader) => ({
    adminUrl: reader.url('ADMIN_DATABASE_URL', 'the server, as its superuser', ['postgres', 'postgresql']),
    password: reader.text('TALLY_DATABASE_PASSWORD', 'password of the role tally'),
    names: reader.text('DATABASES', 'databases to make, with commas', DATABASES.join(',')).split(','),
  }));
  const unknown = names.filter((name) => !DATABASES.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`DATABASES names '${unknown.join(',')}': it takes ${DATABASES.join(', ')}`);
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
