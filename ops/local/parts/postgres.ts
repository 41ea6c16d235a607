import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';
import { createDatabase, migrate } from '@tally/platform/postgres';

import type { LocalConfig } from '../config.ts';
import { loadFirstStock } from './first-stock.ts';
import type { Servers } from '../run/launcher-deps.ts';
import { type LocalServer, createServer } from './postgres-server.ts';
import type { DatabaseName, Shape } from '../plan/shape.ts';
import { describeEach } from '../run/steps.ts';

/** The embedded PostgreSQL servers of a state folder. */
export interface LocalPostgres extends Servers {
  readonly servers: readonly LocalServer[];
  /** Makes the folders and the passwords; the URLs are right from then on. */
  readonly prepare: () => Promise<void>;
  /** Straight to a database where it runs now, else where it would. Undefined: no server of this shape has it. */
  readonly find: (database: DatabaseName) => string | undefined;
  /** The same on the planned port. */
  readonly url: (database: DatabaseName) => string;
}

export function createPostgres(config: LocalConfig, shape: Shape): LocalPostgres {
  const servers = shape.servers.map((server) => createServer(config, server));
  const all = async (work: (server: LocalServer) => Promise<void>) => void (await Promise.all(servers.map(work)));
  const serverOf = (database: DatabaseName) => servers.find(({ databases }) => databases.includes(database));

  function url(database: DatabaseName): string {
    const server = serverOf(database);
    if (server === undefined) throw new Error(`no server has the database ${database}`);
    return server.url(database, server.port.port);
  }

  return {
    name: 'postgres',
    servers,
    prepare: () => all((server) => server.prepare()),
    settle: () => all((server) => server.settle()),
    isRunning: () => servers.some((server) => server.find() !== undefined),
    missingPorts: () => servers.filter(({ find, port }) => find()?.port !== port.port).map(({ port }) => port),
    url,
    find(database) {
      const server = serverOf(database);
      return server?.url(database, server.find()?.port ?? server.port.port);
    },
    async raise(steps) {
      await steps.run('postgres', () => describeEach(servers, (server) => server.raise()));
      await steps.run('databases', () => raiseDatabases(config.root, servers));
      for (const server of servers) server.confirm();
      const stockFile = join(config.root, 'ops/stock/stock.json');
      await steps.run('stock', () => loadFirstStock(url('loms'), stockFile));
    },
    end: () => describeEach(servers, (server) => server.end()),
  };
}

async function raiseDatabases(root: string, servers: readonly LocalServer[]): Promise<string> {
  const wanted = servers.flatMap((server) => server.databases.map((name) => ({ name, server })));
  const applied = await Promise.all(
    wanted.map(async ({ name, server }) => {
      const url = await createDatabase(server.find()!.adminUrl, name);
      return await migrateDatabase(name, url, join(root, 'sql', name, 'migrations'));
    }),
  );
  const count = applied.flat().length;
  const names = wanted.map(({ name }) => name).join(', ');
  return `${names}: ${count === 0 ? 'schemas up to date' : `${count} migrations applied`}`;
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
