import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';
import { type DebianProgram, type Program, fetchProgram, findProgram } from '@tally/platform/embedded';

import type { LocalConfig, PortName } from '../config.ts';
import { toFingerprint } from '../plan/fingerprint.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import { toRunFiles } from '../run/run-files.ts';
import type { Steps } from '../run/steps.ts';

const PACKAGE: DebianProgram = { packages: ['pgbouncer'], path: 'usr/sbin/pgbouncer' };
const MISSING = 'pgbouncer is missing: install it (on Debian: apt-get install pgbouncer).';
const STOP_LIMIT_MS = 5_000;
const ROOT = 0;

/** The services that have a pgbouncer before their database. */
export const BOUNCERS = ['cart', 'loms', 'notifier'] as const;
export type BouncerName = (typeof BOUNCERS)[number];

const PORTS: Record<BouncerName, PortName> = {
  cart: 'pgbouncerCart',
  loms: 'pgbouncerLoms',
  notifier: 'pgbouncerNotifier',
};

export const bouncerOf = (name: BouncerName) => `pgbouncer-${name}`;

/** A pgbouncer: see `fetchProgram`. Throws one AppError that says what to install where there is none. */
export async function preparePgbouncer({ root }: LocalConfig, steps: Steps): Promise<Program> {
  const dir = join(root, '.local/pgbouncer');
  let program = findProgram(PACKAGE, dir);
  if (program !== undefined) return program;
  await steps.run('pgbouncer', async () => {
    program = await fetchProgram(PACKAGE, dir);
    return program === undefined ? 'is not to be had' : `comes from ${program.origin}`;
  });
  if (program === undefined) throw new AppError('failed-precondition', MISSING);
  return program;
}

/** One before the database of a service, at whose own URL the pgbouncer asks. */
export function planPgbouncer(
  { path, env: ownEnv }: Program,
  name: BouncerName,
  { root, stateDir, ports }: LocalConfig,
  databaseUrl: string,
): PlannedProcess {
  const port = ports[PORTS[name]];
  const { run, logs } = toRunFiles(stateDir);
  const base = join(run, bouncerOf(name));
  const files = {
    [`${base}.ini`]: toSettings(name, port.port, databaseUrl, `${base}.users`),
    [`${base}.users`]: toUsers(databaseUrl),
  };
  // It does not run as root; it reads its files before it changes the user.
  const user = process.getuid?.() === ROOT ? ['-u', 'nobody'] : [];
  const command = [path, ...user, `${base}.ini`];
  const env = { ...ownEnv, TZ: 'UTC' };
  return {
    name: bouncerOf(name),
    command,
    env,
    files,
    ports: [port],
    readyUrl: Object.assign(new URL(databaseUrl), { port: String(port.port) }).href,
    logPath: join(logs, `${bouncerOf(name)}.log`),
    stopLimitMs: STOP_LIMIT_MS,
    fingerprint: toFingerprint([command, env, files], root, []),
  };
}

/**
 * A connection of the server belongs to a client for a transaction. A database that is away is tried again every second
 * instead of every 15, and nobody waits longer for a connection than for any other answer.
 */
function toSettings(name: BouncerName, port: number, databaseUrl: string, users: string): string {
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
${name} = host=${url.hostname} port=${url.port} dbname=${url.pathname.slice(1)}

[pgbouncer]
${lines.join('\n')}
`;
}

function toUsers(databaseUrl: string): string {
  const { username, password } = new URL(databaseUrl);
  return `"${username}" "${decodeURIComponent(password)}"\n`;
}
