import { join } from 'node:path';

import { readConfig } from '@tally/platform/config';
import { migrate } from '@tally/platform/postgres';

const DATABASES = ['cart', 'loms', 'notifier', 'log'] as const;

try {
  const urls = readConfig(process.env, (reader) =>
    DATABASES.map((name) =>
      reader.url(`${name.toUpperCase()}_DATABASE_URL`, `database of ${name}`, ['postgres', 'postgresql']),
    ),
  );
  for (const [i, name] of DATABASES.entries()) {
    const applied = await migrate({ url: urls[i] ?? '', dir: join(import.meta.dir, name, 'migrations') });
    console.log(`${name}: ${applied.length === 0 ? 'up to date' : applied.join(', ')}`);
  }
} catch (error) {
  console.error(`migrate: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
