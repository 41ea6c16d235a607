import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '@tally/platform/concurrency';
import { listPids, readCommand } from '@tally/platform/embedded';
import { describeWith, missingKafka, quietPorts } from '@tally/platform/testing';

import { call, openClients, untilKnown } from '../demo/clients.ts';
import { checkOut } from '../demo/rush.ts';
import { CHECKOUT, PORT_VARIABLES, readLocalConfig } from '../local/config.ts';
import { SUPERVISOR, findOwnProcesses, signal } from '../local/machine/processes.ts';
import { preparePgbouncer } from '../local/parts/pgbouncer.ts';
import { readPlan, toRunFiles } from '../local/run/run-files.ts';
import { createSteps } from '../local/run/steps.ts';
import { type Report, verify } from '../verify/verify.ts';
import { until } from './local-fake-system.ts';

setDefaultTimeout(240_000);

const SKU = 1148162;
const KILLED = ['redis-cache-1', 'pgbouncer-loms', 'loms-2', 'notifier', 'cart', 'product', 'postgres-loms', 'kafka-2'];
const stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'tally full ')));
chmodSync(stateDir, 0o755);
const ports = quietPorts(PORT_VARIABLES.length);
const env: Record<string, string> = {
  PATH: process.env['PATH'] ?? '',
  TALLY_STATE_DIR: stateDir,
  ...Object.fromEntries(PORT_VARIABLES.map((name, i) => [name, String(ports[i])])),
};
const config = readLocalConfig(env, CHECKOUT);
const silent = createSteps(systemClock, () => {});
const missingPgbouncer = await preparePgbouncer(config, silent).then(
  () => undefined,
  (error: Error) => error.message,
);

async function just(command: string, ...args: readonly string[]) {
  const child = Bun.spawn([process.execPath, `ops/local/commands/${command}.ts`, ...args], {
    cwd: CHECKOUT,
    env,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, error };
}

const find = (name: string) => findOwnProcesses(stateDir).find((found) => found.name === name)!;

/** Places and pays orders one after another, through every instance. */
async function buy(firstUser: number, count: number): Promise<void> {
  await using clients = openClients(readPlan(toRunFiles(stateDir))!);
  for (let user = BigInt(firstUser); user < firstUser + count; user += 1n) {
    await untilKnown(() => clients.cart.addItem({ user, item: { sku: SKU, count: 1n } }, call(`add-${user}`)));
    const outcome = await checkOut(clients, user, `out-${user}`, () => {});
    if (outcome === 'refused') throw new Error(`user ${user} was refused`);
    await untilKnown(() => clients.loms.orderPay({ orderId: outcome.orderId }, call()));
  }
}

async function verifySettled(): Promise<Report> {
  let report: Report | undefined;
  await until(
    'every event has its notification',
    async () => {
      report = await verify({ urls: readPlan(toRunFiles(stateDir))!.urls, full: true });
      return report.verdict !== 'late' && report.seen.notifications === report.seen.events;
    },
    60_000,
  );
  return report!;
}

describeWith((await missingKafka()) ?? missingPgbouncer, 'the full shape', () => {
  afterAll(async () => {
    await just('down', '--remove');
    rmSync(stateDir, { recursive: true, force: true });
  });

  test('starts every part, serves, and adds up; status shows the memory', async () => {
    const { code, error } = await just('up', 'full');
    expect({ code, error }).toEqual({ code: 0, error: '' });
    await buy(1, 10);
    expect((await verifySettled()).verdict).toBe('holds');
    const status = await just('status');
    expect(status.code, status.out).toBe(0);
    for (const name of ['loms-2', 'pgbouncer-cart', 'redis-cache-2', 'postgres-notifier', 'kafka-3']) {
      expect(status.out).toContain(`\n${name} `);
    }
    expect(status.out).toMatch(/\nmemory +\d+ MiB in all\n/);
  });

  test('up with another shape in the same state folder is refused, and nothing changes', async () => {
    const { code, error } = await just('up', 'kafka');
    expect([code, error.trim()]).toEqual([
      1,
      expect.stringMatching(/^up: The data in .* just up continues with it\. For just up kafka, .*$/),
    ]);
    expect((await just('status')).code).toBe(0);
  });

  test('status shows a broker that a signal stopped, and the next up continues it', async () => {
    const { pid } = find('kafka-3');
    process.kill(pid, 'SIGSTOP');
    const { code, out } = await just('status');
    expect([code, out]).toEqual([1, expect.stringMatching(/\nkafka-3 +stopped by a signal /)]);
    expect((await just('up')).out).toMatch(/kafka-3 +process \d+ was stopped by a signal and continues/);
    expect(find('kafka-3').pid).toBe(pid);
  });

  test('when a part of each kind is killed, the supervisor or the next up mends it, and no order is lost', async () => {
    const kinds = new Set(KILLED);
    for (const found of findOwnProcesses(stateDir)) if (kinds.has(found.name)) signal(found, 'SIGKILL');
    expect((await just('status')).code).toBe(1);
    expect((await just('up', 'full')).error).toBe('');
    await buy(101, 10);
    signal(find(SUPERVISOR), 'SIGKILL');
    // Without a shape, up continues with that of the state folder.
    expect((await just('up')).error).toBe('');
    expect((await just('status')).code).toBe(0);
    await buy(201, 10);
    const report = await verifySettled();
    expect({ verdict: report.verdict, orders: report.seen.orders }).toEqual({ verdict: 'holds', orders: 30 });
  });

  test('down leaves no process behind, and down --remove only the lock', async () => {
    expect((await just('down')).code).toBe(0);
    expect(findOwnProcesses(stateDir)).toEqual([]);
    expect(listPids().filter((pid) => readCommand(pid)?.includes(stateDir))).toEqual([]);
    expect((await just('down', '--remove')).code).toBe(0);
    expect(readdirSync(stateDir, { recursive: true }).toSorted()).toEqual(['run', 'run/lock', 'run/lock.holder']);
  });
});
