import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { missingRedis, quietPorts, testWith } from '@tally/platform/testing';

import { findOwnProcesses, signal } from '../local/machine/processes.ts';
import { until } from './local-fake-system.ts';

setDefaultTimeout(120_000);

const CHECKOUT = resolve(import.meta.dir, '../..');
const PORT_VARIABLES = [
  'CART_GRPC_PORT',
  'CART_ADMIN_PORT',
  'LOMS_GRPC_PORT',
  'LOMS_ADMIN_PORT',
  'NOTIFIER_GRPC_PORT',
  'NOTIFIER_ADMIN_PORT',
  'PRODUCT_GRPC_PORT',
  'PRODUCT_HTTP_PORT',
  'TALLY_POSTGRES_PORT',
  'TALLY_REDIS_PORT',
];
// The system has a Redis only where one is available.
const withoutRedis = await missingRedis();
const NAMES = [
  'cart',
  'loms',
  'notifier',
  'postgres',
  'product',
  ...(withoutRedis === undefined ? ['redis'] : []),
  'supervisor',
];

const stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'tally system ')));
chmodSync(stateDir, 0o755);
const ports = quietPorts(PORT_VARIABLES.length);
// The commands get nothing else of our environment, not even HOME.
const env: Record<string, string> = {
  TALLY_STATE_DIR: stateDir,
  ...Object.fromEntries(PORT_VARIABLES.map((name, index) => [name, String(ports[index])])),
};

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  readonly tookMs: number;
}

function just(command: string, ...args: readonly string[]): Promise<Ran> {
  return justIn(stateDir, command, ...args);
}

async function justIn(dir: string, command: string, ...args: readonly string[]): Promise<Ran> {
  const startedAtMs = Date.now();
  const child = Bun.spawn([process.execPath, `ops/local/commands/${command}.ts`, ...args], {
    cwd: CHECKOUT,
    env: { ...env, TALLY_STATE_DIR: dir },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, error, tookMs: Date.now() - startedAtMs };
}

const running = () => findOwnProcesses(stateDir);
const find = (name: string) => running().find((found) => found.name === name);

afterAll(async () => {
  await just('down', '--remove');
  rmSync(stateDir, { recursive: true, force: true });
});

test('two ups at once in a new state folder start one system, and both succeed', async () => {
  const both = await Promise.all([just('up'), just('up')]);
  expect(both.map(({ code, error }) => [code, error])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  expect(
    running()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(NAMES);
  expect(both.some(({ out }) => out.includes('is at work here'))).toBe(true);
  for (const { out } of both) expect(out).toMatch(/Tally is up after \d+\.\d s/);
});

test('a second up takes less than 5 seconds and keeps what runs', async () => {
  const before = running().map(({ pid }) => pid);
  const { code, tookMs } = await just('up');
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(5_000);
  expect(running().map(({ pid }) => pid)).toEqual(before);
});

test('if another Tally uses the ports, one sentence says what to do, and nothing of the new one is left', async () => {
  const other = mkdtempSync(join(tmpdir(), 'tally-other-'));
  const { code, error } = await justIn(other, 'up');
  expect([code, error]).toEqual([
    1,
    expect.stringContaining(`Another Tally runs on these ports, with its data in ${stateDir}: end it`),
  ]);
  expect(error.trim().split('\n')).toHaveLength(1);
  expect(findOwnProcesses(other)).toEqual([]);
  const nothing = await justIn(other, 'status');
  expect([nothing.code, nothing.out]).toEqual([1, expect.stringContaining('not started here yet')]);
  rmSync(other, { recursive: true });
});

test('status shows that every process is ready, and url prints URLs that answer', async () => {
  const { code, out } = await just('status');
  expect({ code, out }).toEqual({
    code: 0,
    out: expect.stringMatching(/loms +ready.*cart +ready.*supervisor +running/s),
  });
  for (const database of ['cart', 'loms', 'notifier', 'log']) {
    const url = (await just('url', database)).out.trim();
    await using sql = new Bun.SQL(url, { max: 1 });
    expect(await sql`select current_database() as name`).toEqual([{ name: database }] as never);
  }
});

test('logs prints the last lines of one part or of all, and refuses an unknown name', async () => {
  expect((await just('logs', 'loms')).out).toContain('"service":"loms"');
  expect((await just('logs')).out).toMatch(/^cart +\| /m);
  const { code, error } = await just('logs', 'basket');
  expect([code, error]).toEqual([
    2,
    expect.stringContaining("'basket' is no part of this system: it is one of product, loms,"),
  ]);
});

test('loms killed with -9 comes back by itself', async () => {
  const before = find('loms')!;
  signal(before, 'SIGKILL');
  await until('another loms runs', () => ![undefined, before.pid].includes(find('loms')?.pid));
  await until('all is well again', async () => (await just('status')).code === 0, 30_000);
});

testWith(withoutRedis, 'redis killed with -9 comes back by itself, and status, logs and cart know it', async () => {
  const before = find('redis')!;
  signal(before, 'SIGKILL');
  await until('another redis runs', () => ![undefined, before.pid].includes(find('redis')?.pid));
  await until('all is well again', async () => (await just('status')).code === 0, 30_000);
  expect((await just('status')).out).toMatch(/^redis +ready .*Redis \d+$/m);
  expect((await just('logs', 'redis')).out).toContain('Ready to accept connections');
  expect((await just('logs', 'cart', '-n', '1000')).out).toContain('shared through Redis');
});

test('the next up repairs a system in which everything was killed with -9', async () => {
  const url = (await just('url', 'cart')).out.trim();
  await using sql = new Bun.SQL(url, { max: 1 });
  await sql`insert into carts (user_id) values (77)`;
  for (const found of running()) signal(found, 'SIGKILL');
  expect((await just('up')).error).toBe('');
  expect((await just('status')).code).toBe(0);
  await using after = new Bun.SQL(url, { max: 1 });
  expect(await after`select user_id::int from carts where user_id = 77`).toEqual([{ user_id: 77 }] as never);
});

test('down leaves nothing running, status says so, and a second down has nothing to do', async () => {
  const { code, out } = await just('down');
  expect([code, out]).toEqual([0, expect.stringContaining('Tally is down')]);
  expect(running()).toEqual([]);
  expect((await just('status')).code).toBe(1);
  expect((await just('down')).out).toContain('Nothing was running');
});
