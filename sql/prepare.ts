import { join } from 'node:path';

import { type Command, runCommand } from '@tally/platform/command-line';
import { readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';
import { createDatabase, createRole, migrate, toAppError } from '@tally/platform/postgres';

import { readPrepareConfig } from './config.ts';
import { DATABASE_NAMES } from './databases.ts';

const command: Command = {
  name: 'prepare',
  call: 'bun sql/prepare.ts',
  purpose:
    'prepares a PostgreSQL server: creates the role tally with its timeouts, creates the databases, and migrates them.',
  notes: ['It keeps what exists, so it can run before every start.'],
  run: async () => {
    const { adminUrl, password, names } = readConfig(process.env, readPrepareConfig);
    const unknown = names.filter((name) => !DATABASE_NAMES.some((known) => known === name));
    if (unknown.length > 0) {
      const message = `DATABASES is '${names.join(',')}': choose from ${DATABASE_NAMES.join(', ')}`;
      throw new AppError('invalid-argument', message);
    }
    await createRole(adminUrl, password).catch((error: unknown) => {
      throw toAppError(error);
    });
    for (const name of names) {
      const url = Object.assign(new URL(await createDatabase(adminUrl, name)), { password }).href;
      const applied = await migrate({ url, dir: join(import.meta.dir, name, 'migrations') });
      console.log(`${name}: ${applied.length === 0 ? 'up to date' : applied.join(', ')}`);
    }
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
