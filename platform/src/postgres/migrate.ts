import { runner } from 'node-pg-migrate';
import pg from 'pg';

import { toAppError } from './failure.ts';

/** A database and its migrations. */
interface MigrateOptions {
  /** URL of the database, for the role that owns its tables. */
  readonly url: string;
  /** Folder of `0001_name.sql` files, each with a line `-- Up Migration`. */
  readonly dir: string;
}

/**
 * Runs the migrations that the database does not have yet, all or none, and resolves with their names. A second call
 * waits for the first. The role's timeouts are off in this session, because a migration may take long.
 */
export async function migrate({ url, dir }: MigrateOptions): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect().catch((error: unknown) => {
    throw toAppError(error);
  });
  try {
    await client.query(`
      set idle_in_transaction_session_timeout = 0;
      set lock_timeout = 0;
      set statement_timeout = 0;
      set transaction_timeout = 0`);
    const applied = await runner({
      dbClient: client,
      dir,
      direction: 'up',
      migrationsTable: 'migrations',
      advisoryLockMode: 'wait',
      log: () => {},
    });
    return applied.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
