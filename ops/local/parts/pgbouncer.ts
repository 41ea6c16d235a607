import { join } from 'node:path';

import type { DebianProgram, Program } from '@tally/platform/embedded';
import { AppError } from '@tally/platform/errors';
import type { DatabaseName } from '@tally/sql/databases';

import type { LocalConfig } from '../config.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import { toRunFiles } from '../run/run-files.ts';
import type { Steps } from '../run/steps.ts';
import { planPart } from './part.ts';
import { prepareProgram } from './program.ts';

const PACKAGE: DebianProgram = { packages: ['pgbouncer'], path: 'usr/sbin/pgbouncer' };
const MISSING = 'pgbouncer is missing: install it (on Debian: apt-get install pgbouncer).';
const STOP_LIMIT_MS = 5_000;
const ROOT = 0;

export const bouncerOf = (database: DatabaseName) => `pgbouncer-${database}`;

/** Returns a pgbouncer. Where none is available, throws an AppError that says what to install. */
export async function preparePgbouncer(config: LocalConfig, steps: Steps): Promise<Program> {
  const program = await prepareProgram('pgbouncer', PACKAGE, config, steps, 'is not available');
  if (program === undefined) throw new AppError('failed-precondition', MISSING);
  return program;
}

/** Plans the pgbouncer in front of a database. Its URL is that of the database, except for the port. */
export function planPgbouncer(
  { path, env }: Program,
  database: DatabaseName,
  config: LocalConfig,
  databaseUrl: string,
): PlannedProcess {
  const port = config.port(`TALLY_PGBOUNCER_${database.toUpperCase()}_PORT`);
  const base = join(toRunFiles(config.stateDir).run, bouncerOf(database));
  // pgbouncer refuses to run as root. It reads its files before it changes its user.
  const user = process.getuid?.() === ROOT ? ['-u', 'nobody'] : [];
  return planPart(config, {
    name: bouncerOf(database),
    command: [path, ...user, `${base}.ini`],
    env: { ...env, TZ: 'UTC' },
    files: {
      [`${base}.ini`]: toSettings(database, port.port, databaseUrl, `${base}.users`),
      [`${base}.users`]: toUsers(databaseUrl),
    },
    ports: [port],
    readyUrl: Object.assign(new URL(databaseUrl), { port: String(port.port) }).href,
    stopLimitMs: STOP_LIMIT_MS,
  });
}

/**
 * Returns the text of the settings. pgbouncer lends a connection to a client for one transaction. It tries a database
 * that is down again after one second instead of 15, and refuses a client that has waited for a connection for 3 s,
 * because a statement may not take longer either.
 */
function toSettings(database: DatabaseName, port: number, databaseUrl: string, users: string): string {
  const url = new URL(databaseUrl);
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: 'transaction',
    default_pool_size: 20,
    max_client_conn: 200,
    query_wait_timeout: 3,
    server_connect_timeout: 2,
    server_login_retry: 1,
    log_connections: 0,
    log_disconnections: 0,
    log_stats: 0,
  };
  const lines = Object.entries(settings).map(([setting, value]) => `${setting} = ${value}`);
  return `[databases]
${database} = host=${url.hostname} port=${url.port} dbname=${url.pathname.slice(1)}

[pgbouncer]
${lines.join('\n')}
`;
}

function toUsers(databaseUrl: string): string {
  const { username, password } = new URL(databaseUrl);
  return `"${username}" "${decodeURIComponent(password)}"\n`;
}
