import pg from 'pg';

/**
 * Timeouts of the role `tally`, so that a suspended instance cannot hold a lock for long. Each is longer than the one
 * before: the holder of a lock times out before those who wait for the lock. While a client has sent only a part of its
 * pipelined statements, transaction_timeout runs, and the first three do not.
 */
export const ROLE_TIMEOUTS = {
  idle_in_transaction_session_timeout: '1s',
  lock_timeout: '2s',
  statement_timeout: '3s',
  transaction_timeout: '4s',
} as const;

/** Creates a database of the role `tally`, unless it exists. Resolves with its URL for that role. */
export async function createDatabase(adminUrl: string, name: string): Promise<string> {
  await asAdmin(adminUrl, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database "${name}" owner tally`);
  });
  const url = new URL(adminUrl);
  url.username = 'tally';
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs `work` on one connection of the superuser, which is closed afterwards. */
export async function asAdmin<T>(adminUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Creates the role `tally` or changes its password, and sets ROLE_TIMEOUTS on it. */
export async function createRole(adminUrl: string, password: string): Promise<void> {
  await asAdmin(adminUrl, async (client) => {
    const { rowCount } = await client.query(`select from pg_roles where rolname = 'tally'`);
    const verb = rowCount === 0 ? 'create' : 'alter';
    await client.query(`${verb} role tally login password ${client.escapeLiteral(password)}`);
    for (const [name, value] of Object.entries(ROLE_TIMEOUTS)) {
      await client.query(`alter role tally set ${name} = '${value}'`);
    }
  });
}
