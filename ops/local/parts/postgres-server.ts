import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { sleep, systemClock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  findEmbeddedPostgres,
  readStat,
  startEmbeddedPostgres,
} from '@tally/platform/embedded';

import type { LocalConfig } from '../config.ts';
import type { PlannedPort } from '../plan/plan.ts';
import {
  choosePostgresFolder,
  confirmPassword,
  prepareFolder,
  readPassword,
  readServerPort,
  toPaths,
} from './postgres-folder.ts';
import { clearPidFile, settleRemains } from './postgres-remains.ts';
import type { DatabaseName, ServerShape } from '../plan/shape.ts';

const MAX_STARTS = 5;
const START_PAUSE_MS = 300;

/** One embedded PostgreSQL of a state folder. */
export interface LocalServer {
  readonly name: string;
  readonly databases: readonly DatabaseName[];
  /** Holds its data, its programs, its password and its log. */
  readonly dir: string;
  readonly logPath: string;
  readonly port: PlannedPort;
  /** Makes the folder and the password; the URLs are right from then on. */
  readonly prepare: () => Promise<void>;
  readonly settle: () => Promise<void>;
  /** The server that runs; undefined when none does. */
  readonly find: () => EmbeddedPostgres | undefined;
  /** For the role that owns the databases. */
  readonly url: (database: DatabaseName, port: number) => string;
  /** Starts it, or moves it to its configured port. Returns what happened, in words. */
  readonly raise: () => Promise<string>;
  /** Its data is worth keeping from now on. */
  readonly confirm: () => void;
  /** Returns what happened, in words. */
  readonly end: () => Promise<string>;
}

export function createServer(config: LocalConfig, { name, port, databases }: ServerShape): LocalServer {
  const dir = choosePostgresFolder(config.stateDir, name);
  const wanted = config.ports[port];
  const toOptions = (ownPort: number): EmbeddedOptions => ({
    dir,
    programsDir: join(dir, 'programs'),
    port: ownPort,
    password: readPassword(dir) ?? '',
    lifetime: 'detached',
  });
  // The one that runs may still have the port of an earlier configuration.
  const find = () => findEmbeddedPostgres(toOptions(readServerPort(dir) ?? wanted.port));
  const settle = () => settleRemains(dir, () => find()?.pid);

  return {
    name,
    databases,
    dir,
    logPath: join(dir, 'postgres.log'),
    port: wanted,
    async prepare() {
      await settle();
      // Its first start was broken off: the folder is made anew, which a server must not see.
      if (!existsSync(toPaths(dir).password)) await find()?.kill();
      prepareFolder(dir);
    },
    settle,
    find,
    url: (database, ownPort) => `postgres://tally:${readPassword(dir) ?? ''}@127.0.0.1:${ownPort}/${database}`,
    raise: () => raiseServer(find(), toOptions(wanted.port)),
    confirm: () => confirmPassword(dir),
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
  const isStopped = running !== undefined && readStat(running.pid)?.state === 'T';
  if (isStopped) process.kill(running.pid, 'SIGCONT');
  const moves = running !== undefined && running.port !== options.port;
  if (moves) await running.stop();
  const { pid } = await startPatiently(options);
  if (moves) return `moved from port ${running.port} to ${options.port}`;
  if (pid !== running?.pid) return `started on port ${options.port}`;
  return isStopped ? `was stopped by a signal and goes on, on port ${options.port}` : `runs on port ${options.port}`;
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
