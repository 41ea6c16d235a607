import { join } from 'node:path';

import { sleep, systemClock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  createDatabase,
  findEmbeddedPostgres,
  migrate,
  startEmbeddedPostgres,
} from '@tally/platform/postgres';

import type { LocalConfig } from './config.ts';
import { loadFirstStock } from './first-stock.ts';
import type { Databases } from './launcher-deps.ts';
import {
  choosePostgresFolder,
  confirmPassword,
  prepareFolder,
  readPassword,
  readServerPort,
} from './postgres-folder.ts';
import { clearPidFile, settleRemains } from './postgres-remains.ts';
import { readStat } from './processes.ts';
import { DATABASES, type DatabaseName } from './system.ts';

const MAX_STARTS = 5;
const START_PAUSE_MS = 300;

/** The embedded PostgreSQL of a state folder. */
export interface LocalPostgres extends Databases {
  /** Holds its data, its programs, its password and its log. */
  readonly dir: string;
  readonly logPath: string;
  /** Makes the folder and the password; the URLs are right from then on. */
  readonly prepare: () => Promise<void>;
  /** The server that runs; undefined when none does. */
  readonly find: () => EmbeddedPostgres | undefined;
  /** For the role that owns the databases. */
  readonly url: (database: DatabaseName, port?: number) => string;
}

export function createPostgres(config: LocalConfig): LocalPostgres {
  const dir = choosePostgresFolder(config.stateDir);
  const { postgres: wanted } = config.ports;
  const toOptions = (port: number): EmbeddedOptions => ({
    dir,
    programsDir: join(dir, 'programs'),
    port,
    password: readPassword(dir) ?? '',
    lifetime: 'detached',
  });
  const toUrl = (database: DatabaseName, port = wanted.port) =>
    `postgres://tally:${readPassword(dir) ?? ''}@127.0.0.1:${port}/${database}`;
  // The one that runs may still have the port of an earlier configuration.
  const find = () => findEmbeddedPostgres(toOptions(readServerPort(dir) ?? wanted.port));

  const settle = () => settleRemains(dir, () => find()?.pid);

  return {
    dir,
    logPath: join(dir, 'postgres.log'),
    port: wanted,
    async prepare() {
      await settle();
      prepareFolder(dir);
    },
    find,
    url: toUrl,
    settle,
    runningPort: () => find()?.port,
    async raise(steps) {
      await steps.run('postgres', () => raiseServer(find(), toOptions(wanted.port)));
      const { adminUrl } = find()!;
      await steps.run('databases', () => raiseDatabases(config.root, adminUrl));
      confirmPassword(dir);
      const stockFile = join(config.root, 'ops/stock/stock.json');
      await steps.run('stock', () => loadFirstStock(toUrl('loms', wanted.port), stockFile));
    },
    async end() {
      const server = find();
      try {
        await server?.stop();
        return 'ended';
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        await server?.kill();
        return 'killed: it did not end in time; the next start recovers its data';
      }
    },
  };
}

async function raiseServer(running: EmbeddedPostgres | undefined, options: EmbeddedOptions): Promise<string> {
  if (running !== undefined && readStat(running.pid)?.state === 'T') process.kill(running.pid, 'SIGCONT');
  const moves = running !== undefined && running.port !== options.port;
  if (moves) await running.stop();
  const { pid } = await startPatiently(options);
  if (moves) return `moved from port ${running.port} to ${options.port}`;
  return `${pid === running?.pid ? 'runs' : 'started'} on port ${options.port}`;
}

/** After a crash the first tries may fail: the killed server's children hold its memory until they notice. */
async function startPatiently(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  for (let tries = 1; ; tries += 1) {
    try {
      clearPidFile(options.dir);
      return await startEmbeddedPostgres(options);
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'unavailable' || tries === MAX_STARTS) throw error;
      await sleep(systemClock, START_PAUSE_MS);
    }
  }
}

async function raiseDatabases(root: string, adminUrl: string): Promise<string> {
  const applied = await Promise.all(
    DATABASES.map(async (name) => {
      const url = await createDatabase(adminUrl, name);
      return await migrateDatabase(name, url, join(root, 'sql', name, 'migrations'));
    }),
  );
  const count = applied.flat().length;
  return `${DATABASES.join(', ')}: ${count === 0 ? 'schemas up to date' : `${count} migrations applied`}`;
}

async function migrateDatabase(name: DatabaseName, url: string, dir: string): Promise<string[]> {
  try {
    return await migrate({ url, dir });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      'failed-precondition',
      `The schema of database ${name} cannot be brought up to date: ${reason}. If its data is from another version of this checkout and may go: just down --remove.`,
      { cause },
    );
  }
}
