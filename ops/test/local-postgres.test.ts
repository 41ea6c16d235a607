import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { asAdmin } from '@tally/platform/postgres';
import { readCommand, readStat } from '@tally/platform/embedded';
import { quietPorts } from '@tally/platform/testing';

import { readLocalConfig } from '../local/config.ts';
import { type LocalPostgres, createPostgres } from '../local/parts/postgres.ts';
import type { LocalServer } from '../local/parts/postgres-server.ts';
import { SHAPES } from '../local/plan/shape.ts';
import { takeDown } from '../local/run/take-down.ts';
import { type FakeSystem, openFakeSystem, until } from './local-fake-system.ts';

setDefaultTimeout(60_000);

const CHECKOUT = join(import.meta.dir, '../..');

interface Bench extends AsyncDisposable {
  readonly system: FakeSystem;
  readonly postgres: LocalPostgres;
  /** Its only one. */
  readonly server: LocalServer;
  readonly up: () => Promise<void>;
}

const opened: Bench[] = [];
// A test that ran out of time leaves nothing behind either.
afterAll(async () => {
  for (const bench of opened) await bench[Symbol.asyncDispose]();
});

/** The fake system on a real PostgreSQL, its folder open to everybody or not. */
async function openBench({ mode = 0o755, port = quietPorts(1)[0]! } = {}): Promise<Bench> {
  const system = await openFakeSystem(['only']);
  chmodSync(system.stateDir, mode);
  const env = { TALLY_STATE_DIR: system.stateDir, TALLY_POSTGRES_PORT: String(port) };
  const postgres = createPostgres(readLocalConfig(env, CHECKOUT), SHAPES.light);
  const server = postgres.servers[0]!;
  const bench: Bench = {
    system,
    postgres,
    server,
    up: async () => {
      await postgres.prepare();
      await system.up(system.plan(), [postgres]);
    },
    async [Symbol.asyncDispose]() {
      await takeDown(system.deps, system.stateDir, [postgres]);
      await system[Symbol.asyncDispose]();
      rmSync(server.dir, { recursive: true, force: true });
    },
  };
  opened.push(bench);
  return bench;
}

test('data survives down and up, and down leaves no process of PostgreSQL', async () => {
  await using bench = await openBench();
  const { system, postgres, server } = bench;
  await bench.up();
  expect(system.output()).toContain('migrations applied');
  const { pid } = server.find()!;
  await asAdmin(postgres.url('cart'), (client) => client.query('insert into carts (user_id) values (7)'));

  expect(await takeDown(system.deps, system.stateDir, [postgres])).toBe(true);
  expect(server.find()).toBeUndefined();
  expect(readStat(pid)).toBeUndefined();
  expect(system.all()).toEqual([]);

  await bench.up();
  expect(system.output()).toContain('schemas up to date');
  const { rows } = await asAdmin(postgres.url('cart'), (client) => client.query('select user_id from carts'));
  expect(rows).toEqual([{ user_id: '7' }]);
});

test('a killed PostgreSQL is found by the next up, which keeps what was committed', async () => {
  await using bench = await openBench();
  const { postgres, system, server } = bench;
  await bench.up();
  for (let user = 1; user <= 3; user += 1) {
    await asAdmin(postgres.url('cart'), (client) => client.query('insert into carts values ($1)', [user]));
    process.kill(server.find()!.pid, 'SIGKILL');
    await bench.up();
  }
  const { rows } = await asAdmin(postgres.url('cart'), (client) => client.query('select count(*)::int from carts'));
  expect(rows).toEqual([{ count: 3 }]);
  expect(system.all()).toHaveLength(2);
});

test('a stopped PostgreSQL goes on with the next up', async () => {
  await using bench = await openBench();
  await bench.up();
  const { pid } = bench.server.find()!;
  process.kill(pid, 'SIGSTOP');
  await until('it is stopped', () => readStat(pid)?.state === 'T');
  await bench.up();
  expect(bench.server.find()?.pid).toBe(pid);
});

test('PostgreSQL on a port of an earlier configuration moves to the new one', async () => {
  await using bench = await openBench();
  await bench.up();
  const { pid } = bench.server.find()!;
  const [port] = quietPorts(1);
  const env = { TALLY_STATE_DIR: bench.system.stateDir, TALLY_POSTGRES_PORT: String(port) };
  const moved = createPostgres(readLocalConfig(env, CHECKOUT), SHAPES.light);
  await bench.system.up(bench.system.plan(), [moved]);
  expect(readStat(pid)).toBeUndefined();
  expect(moved.servers[0]?.find()?.port).toBe(port);
  await asAdmin(moved.url('loms'), (client) => client.query('select from orders'));
});

test('a folder whose first start was broken off is made anew', async () => {
  await using bench = await openBench();
  const { postgres, server } = bench;
  await bench.up();
  await takeDown(bench.system.deps, bench.system.stateDir, [postgres]);
  // As it is before the first start is through: the password not confirmed, the data incomplete.
  await Bun.$`mv ${join(server.dir, 'password')} ${join(server.dir, 'password.new')}`;
  rmSync(join(server.dir, 'data/global/pg_control'));
  await bench.up();
  expect(readdirSync(server.dir)).toContain('password');
});

test('an initdb and a server that a killed up left behind are brought to an end', async () => {
  await using bench = await openBench();
  const { postgres, system, server } = bench;
  await postgres.prepare();
  const stuck = Bun.spawn(['sleep', '60'], { argv0: join(server.dir, 'programs/bin/initdb') });
  // Just after the spawn its command line can still be empty.
  await until('it shows its name', () => readCommand(stuck.pid)?.includes('initdb') === true);
  await bench.up();
  expect(await stuck.exited).not.toBe(0);

  // What down sees of a server that has no pid file yet.
  const path = join(server.dir, 'data/postmaster.pid');
  const { pid } = server.find()!;
  renameSync(path, `${path}.later`);
  const down = takeDown(system.deps, system.stateDir, [postgres]);
  await Bun.sleep(300);
  renameSync(`${path}.later`, path);
  expect(await down).toBe(true);
  expect(readStat(pid)).toBeUndefined();
});

test('a pid file whose pid belongs to another process by now does not keep PostgreSQL from starting', async () => {
  await using bench = await openBench();
  const { postgres, system, server } = bench;
  await bench.up();
  const path = join(server.dir, 'data/postmaster.pid');
  const [, ...rest] = readFileSync(path, 'utf8').split('\n');
  await takeDown(system.deps, system.stateDir, [postgres]);
  writeFileSync(path, [process.pid, ...rest].join('\n'));
  await bench.up();
  expect(server.find()?.pid).not.toBe(process.pid);
});

test('data of another major version, or with no password, is refused in one sentence and kept', async () => {
  await using bench = await openBench();
  const { postgres, system, server } = bench;
  await bench.up();
  await takeDown(system.deps, system.stateDir, [postgres]);
  writeFileSync(join(server.dir, 'data/PG_VERSION'), '16\n');
  await expect(bench.up()).rejects.toThrow(/was made by PostgreSQL 16, this is 18/);
  rmSync(join(server.dir, 'password'));
  await expect(bench.up()).rejects.toThrow(/holds data whose password is not known: move it away/);
  expect(existsSync(join(server.dir, 'data/base'))).toBe(true);
});

test('in a folder that only its owner may enter, PostgreSQL still runs: as root its data goes below /var/tmp', async () => {
  await using bench = await openBench({ mode: 0o700 });
  const { postgres, system, server } = bench;
  expect(server.dir).toStartWith(process.getuid?.() === 0 ? '/var/tmp/tally-' : system.stateDir);
  await bench.up();
  await asAdmin(postgres.url('log'), (client) => client.query('select 1'));
});
