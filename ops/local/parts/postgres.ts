import { join } from 'node:path';

import { POSTGRES_ENV, preparePostgres, toAdminUrl, toPostgresCommand } from '@tally/platform/embedded';
import type { DatabaseName } from '@tally/sql/databases';

import type { LocalConfig } from '../config.ts';
import { MARK, toMark } from '../machine/processes.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import type { ServerShape, Shape } from '../plan/shape.ts';
import { planPart } from './part.ts';
import { choosePostgresFolder, preparePostgresFolder } from './postgres-folder.ts';

/** An embedded PostgreSQL server of a state folder. */
export interface PostgresServer {
  readonly name: string;
  readonly databases: readonly DatabaseName[];
  /** Holds its data, its programs and its password. */
  readonly dir: string;
  readonly password: string;
  /** URL of the superuser's own database. */
  readonly adminUrl: string;
  /** The server as a part of the plan. */
  readonly process: PlannedProcess;
}

/** Before a server ends, it writes its buffers to the disk, which can be much. */
const STOP_LIMIT_MS = 60_000;

/** Plans the servers of a shape. Creates the folder and the password of each where they are missing. */
export function openPostgresServers(config: LocalConfig, shape: Shape): PostgresServer[] {
  return shape.servers.map((server) => openServer(config, server));
}

/** Returns the URL of a database for the role that owns it. */
export function toDatabaseUrl({ password, process }: PostgresServer, database: DatabaseName): string {
  return `postgres://tally:${password}@127.0.0.1:${process.ports[0]?.port}/${database}`;
}

/** Creates the data folder of a server that has none. initdb gets a mark of the state folder, so `down` can end it. */
export async function createPostgresData({ dir, password }: PostgresServer, stateDir: string): Promise<void> {
  const env = { [MARK]: toMark('initdb', 'none', stateDir) };
  await preparePostgres({ dir, programsDir: programsOf(dir), password }, env);
}

function openServer(config: LocalConfig, { name, portVariable, databases }: ServerShape): PostgresServer {
  const dir = choosePostgresFolder(config.stateDir, name);
  const password = preparePostgresFolder(dir);
  const planned = config.port(portVariable);
  const { port } = planned;
  const adminUrl = toAdminUrl({ port, password });
  const process = planPart(config, {
    name,
    command: toPostgresCommand({ dir, programsDir: programsOf(dir), port }),
    env: POSTGRES_ENV,
    postgresData: join(dir, 'data'),
    ports: [planned],
    readyUrl: adminUrl,
    // With SIGTERM, PostgreSQL would wait until every client has left.
    stopSignal: 'SIGINT',
    stopLimitMs: STOP_LIMIT_MS,
  });
  return { name, databases, dir, password, adminUrl, process };
}

const programsOf = (dir: string) => join(dir, 'programs');
