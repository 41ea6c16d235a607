import { readConfig } from '@tally/platform/config';
import { openDb } from '@tally/platform/postgres';

import { OUTBOX_USAGE, decideOutbox } from './outbox-decide.ts';

async function main(args: readonly string[]): Promise<readonly string[]> {
  if (args.some((arg) => arg === '--help' || arg === '-h')) return [OUTBOX_USAGE];
  const { url } = readConfig(process.env, (reader) => ({
    url: reader.url('LOMS_DATABASE_URL', 'the database of loms', ['postgres', 'postgresql']),
  }));
  await using db = openDb({ url, applicationName: 'outbox', maxConnections: 1 });
  return await decideOutbox(db, args);
}

try {
  for (const line of await main(process.argv.slice(2))) console.log(line);
} catch (error) {
  console.error(`outbox: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
