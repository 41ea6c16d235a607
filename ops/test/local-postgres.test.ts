import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { isAlive, listPids, readCommand, readStat } from '@tally/platform/embedded';
import { asAdmin } from '@tally/platform/postgres';
import { quietPorts } from '@tally/platform/testing';

import { CHECKOUT, readLocalConfig } from '../local/config.ts';
import { isListening } from '../local/machine/ports.ts';
import { MARK, signal, toMark } from '../local/machine/processes.ts';
import { prepareDatabases } from '../local/parts/databases.ts';
import { choosePostgresFolder } from '../local/parts/postgres-folder.ts';
import { createPostgresData, openPostgresServers, toDatabaseUrl } from '../local/parts/postgres.ts';
import { SHAPES } from '../local/plan/shape.ts';
import { type FakeSystem, openFakeSystem, until } from './local-fake-system.ts';

setDefaultTimeout(60_000);

/** A PostgreSQL and one fake service under the real launcher. */
interface Bench extends AsyncDisposable {
  readonly system: FakeSystem;
  /** Folder of the PostgreSQL. */
  readonly dir: string;
  readonly up: (port?: number) => Promise<void>;
  readonly find: () => ReturnType<FakeSystem['find']>;
  readonly query: (database: 'cart' | 'loms' | 'log', text: string, values?: unknown[]) => Promise<unknown[]>;
}

const opened: Bench[] = [];
// A test that ran out of time leaves nothing behind either.
afterAll(async () => {
  for (const bench of opened) await bench[Symbol.asyncDispose]();
});

/** `mode` says who may enter the state folder. */
async function openBench({ mode = 0o755 } = {}): Promise<Bench> {
  const system = await openFakeSystem(['only']);
  const { stateDir, deps } = system;
  chmodSync(stateDir, mode);
  const firstPort = quietPorts(1)[0]!;
  const dir = choosePostgresFolder(stateDir, 'postgres');
  const open = (port: number) => {
    const env = { TALLY_STATE_DIR: stateDir, TALLY_POSTGRES_PORT: String(port) };
    return openPostgresServers(readLocalConfig(env, CHECKOUT), SHAPES.light);
  };
  const bench: Bench = {
    system,
    dir,
    find: () => system.find('postgres'),
    async up(port = firstPort) {
      const servers = open(port);
      const plan = system.plan();
      await system.up(
        { ...plan, processes: [...servers.map((server) => server.process), ...plan.processes] },
        {
          servers: ['postgres'],
          create: () => createPostgresData(servers[0]!, stateDir),
          migrate: () => prepareDatabases(CHECKOUT, servers, deps.steps),
        },
      );
    },
    async query(database, text, values = []) {
      const url = toDatabaseUrl(open(firstPort)[0]!, database);
      return await asAdmin(url, async (client) => (await client.query(text, values)).rows);
    },
    async [Symbol.asyncDispose]() {
      await system[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  opened.push(bench);
  return bench;
}

test('data survives down and up, and down leaves no process of PostgreSQL', async () => {
  await using bench = await openBench();
  const { system } = bench;
  await bench.up();
  expect(system.output()).toContain('migrations applied');
  const server = bench.find()!;
  await bench.query('cart', 'insert into carts (user_id) values (7)');

  expect(await system.down()).toBe(true);
  expect(isAlive(server)).toBe(false);
  expect(listPids().filter((pid) => readCommand(pid)?.includes(bench.dir))).toEqual([]);
  expect(system.all()).toEqual([]);

  await bench.up();
  expect(system.output()).toContain('schemas up to date');
  expect(await bench.query('cart', 'select user_id from carts')).toEqual([{ user_id: '7' }]);
});

test('a killed PostgreSQL comes back by itself and keeps what was committed', async () => {
  await using bench = await openBench();
  await bench.up();
  for (let user = 1; user <= 3; user += 1) {
    await bench.query('cart', 'insert into carts values ($1)', [user]);
    const killed = bench.find()!;
    signal(killed, 'SIGKILL');
    await until('another PostgreSQL runs', () => ![undefined, killed.pid].includes(bench.find()?.pid));
    await bench.up();
  }
  expect(await bench.query('cart', 'select count(*)::int from carts')).toEqual([{ count: 3 }]);
  expect(bench.system.all()).toHaveLength(3);
});

test('a PostgreSQL and its supervisor that were killed are repaired by the next up', async () => {
  await using bench = await openBench();
  await bench.up();
  await bench.query('cart', 'insert into carts (user_id) values (7)');
  for (const found of bench.system.all()) signal(found, 'SIGKILL');
  await bench.up();
  expect(await bench.query('cart', 'select user_id from carts')).toEqual([{ user_id: '7' }]);
  expect(bench.system.all()).toHaveLength(3);
});

test('a stopped PostgreSQL continues with the next up', async () => {
  await using bench = await openBench();
  await bench.up();
  const { pid } = bench.find()!;
  process.kill(pid, 'SIGSTOP');
  await until('it is stopped', () => readStat(pid)?.state === 'T');
  await bench.up();
  expect(bench.find()?.pid).toBe(pid);
});

test('PostgreSQL moves to the port of a new configuration', async () => {
  await using bench = await openBench();
  await bench.up();
  const before = bench.find()!;
  const [port] = quietPorts(1);
  await bench.up(port);
  expect(isAlive(before)).toBe(false);
  expect(isListening(bench.find()!.pid, port!)).toBe(true);
});

test('a data folder that a killed start left incomplete is created anew', async () => {
  await using bench = await openBench();
  await bench.up();
  await bench.system.down();
  // A killed initdb leaves the password, and a folder that does not have its final name yet.
  renameSync(join(bench.dir, 'data'), join(bench.dir, 'data.unfinished'));
  rmSync(join(bench.dir, 'data.unfinished/global/pg_control'));
  await bench.up();
  expect(existsSync(join(bench.dir, 'data/global/pg_control'))).toBe(true);
  expect(existsSync(join(bench.dir, 'data.unfinished'))).toBe(false);
});

test('an initdb that a killed up left behind is ended by the next up, and by down', async () => {
  await using bench = await openBench();
  const { system } = bench;
  const startStuck = async () => {
    const env = { [MARK]: toMark('initdb', 'none', system.stateDir) };
    const stuck = Bun.spawn(['sleep', '60'], { env: { ...process.env, ...env } });
    await until('it can be found', () => system.find('initdb') !== undefined);
    return stuck;
  };
  const first = await startStuck();
  await bench.up();
  expect(await first.exited).not.toBe(0);
  const second = await startStuck();
  await system.down();
  expect(await second.exited).not.toBe(0);
});

test('down ends a PostgreSQL whose pid file is missing', async () => {
  await using bench = await openBench();
  await bench.up();
  const server = bench.find()!;
  renameSync(join(bench.dir, 'data/postmaster.pid'), join(bench.dir, 'postmaster.pid'));
  expect(await bench.system.down()).toBe(true);
  expect(isAlive(server)).toBe(false);
});

test('a pid file whose pid belongs to another process does not keep PostgreSQL from starting', async () => {
  await using bench = await openBench();
  await bench.up();
  const path = join(bench.dir, 'data/postmaster.pid');
  const [, ...rest] = readFileSync(path, 'utf8').split('\n');
  await bench.system.down();
  writeFileSync(path, [process.pid, ...rest].join('\n'));
  await bench.up();
  expect(bench.find()?.pid).not.toBe(process.pid);
});

test('data of another major version, or data without its password, is refused and kept', async () => {
  await using bench = await openBench();
  await bench.up();
  await bench.system.down();
  writeFileSync(join(bench.dir, 'data/PG_VERSION'), '16\n');
  await expect(bench.up()).rejects.toThrow(/was made by PostgreSQL 16, this is 18|was created by PostgreSQL 16/);
  rmSync(join(bench.dir, 'password'));
  await expect(bench.up()).rejects.toThrow(/holds data whose password is not known: move it away/);
  expect(existsSync(join(bench.dir, 'data/base'))).toBe(true);
});

test('PostgreSQL runs if only its owner may enter the state folder, for root with its data in /var/tmp', async () => {
  await using bench = await openBench({ mode: 0o700 });
  expect(bench.dir).toStartWith(process.getuid?.() === 0 ? '/var/tmp/tally-' : bench.system.stateDir);
  await bench.up();
  await bench.query('log', 'select 1');
});
