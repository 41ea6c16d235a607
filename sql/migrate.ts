import { join } from 'node:path';

import { type Command, runCommand } from '@tally/platform/command-line';
import { readConfig } from '@tally/platform/config';
import { migrate } from '@tally/platform/postgres';

import { readMigrateConfig } from './config.ts';
import { DATABASE_NAMES, toUrlVariable } from './databases.ts';

const command: Command = {
  name: 'migrate',
  purpose: 'runs the migrations that a database does not have yet, for every database.',
  notes: [`The databases are those of ${DATABASE_NAMES.map(toUrlVariable).join(', ')}.`],
  run: async () => {
    const urls = readConfig(process.env, readMigrateConfig);
    for (const name of DATABASE_NAMES) {
      const applied = await migrate({ url: urls[name], dir: join(import.meta.dir, name, 'migrations') });
      console.log(`${name}: ${applied.length === 0 ? 'up to date' : applied.join(', ')}`);
    }
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
