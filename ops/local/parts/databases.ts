import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { applyStock } from '@tally/ops/stock/apply-stock.ts';
import { describeLoad } from '@tally/ops/stock/describe-load.ts';
import { parseStockFile } from '@tally/ops/stock/stock-file.ts';
import { AppError } from '@tally/platform/errors';
import { createDatabase, createRole, migrate } from '@tally/platform/postgres';
import type { DatabaseName } from '@tally/sql/databases';

import type { Steps } from '../run/steps.ts';
import { type PostgresServer, toDatabaseUrl } from './postgres.ts';

const STOCK_FILE = 'ops/stock/stock.json';

/** Brings the databases of running servers to their newest schema, and loads stock into an empty loms. */
export async function prepareDatabases(root: string, servers: readonly PostgresServer[], steps: Steps): Promise<void> {
  await steps.run('databases', async () => {
    const applied = await Promise.all(servers.map((server) => prepareServer(root, server)));
    const count = applied.flat(2).length;
    const names = servers.flatMap(({ databases }) => databases).join(', ');
    return `${names}: ${count === 0 ? 'schemas up to date' : `${count} migrations applied`}`;
  });
  const loms = servers.find(({ databases }) => databases.includes('loms'));
  if (loms === undefined) return;
  await steps.run('stock', async () => {
    const entries = parseStockFile(readFileSync(join(root, STOCK_FILE), 'utf8'));
    const loaded = await applyStock({ databaseUrl: toDatabaseUrl(loms, 'loms'), entries, onlyIfEmpty: true });
    return loaded.length === 0 ? 'there is stock already' : describeLoad(loaded, entries.length);
  });
}

async function prepareServer(root: string, server: PostgresServer): Promise<string[][]> {
  await createRole(server.adminUrl, server.password);
  return await Promise.all(
    server.databases.map(async (name) => {
      await createDatabase(server.adminUrl, name);
      return await migrateDatabase(name, toDatabaseUrl(server, name), join(root, 'sql', name, 'migrations'));
    }),
  );
}

async function migrateDatabase(name: DatabaseName, url: string, dir: string): Promise<string[]> {
  try {
    return await migrate({ url, dir });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      'failed-precondition',
      `The schema of database ${name} cannot be brought up to date: ${reason}. If its data is from another version ` +
        'of this checkout and is not needed any more, remove it with just down --remove.',
      { cause },
    );
  }
}
