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
import { preparePgbouncer } from '../local/parts/pgbouncer.ts';
import { SUPERVISOR, findOwnProcesses, signal } from '../local/machine/processes.ts';
import { readPlan, toRunFiles } from '../local/run/run-files.ts';
import { createServers, dataUrls } from '../local/parts/servers.ts';
import { SHAPES } from '../local/plan/shape.ts';
import { createSteps } from '../local/run/steps.ts';
import { type Report, verify } from '../verify/verify.ts';
import { until } from './local-fake-system.ts';

setDefaultTimeout(240_000);

const SKU = 1148162;
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

const servers = () => createServers(config, SHAPES.full);
const serverPids = () => {
  const { postgres, kafka } = servers();
  return [...postgres.servers, ...kafka.brokers].flatMap(({ find }) => find()?.pid ?? []);
};

/** Some orders through every instance, one after another. */
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
    'everything is told',
    async () => {
      report = await verify({ urls: dataUrls(servers()), full: true });
      return report.verdict !== 'late' && report.seen.notifications === report.seen.events;
    },
    60_000,
  );
  return report!;
}

describeWith((await missingKafka()) ?? missingPgbouncer, 'the full system', () => {
  afterAll(async () => {
    await just('down', '--remove');
    rmSync(stateDir, { recursive: true, force: true });
  });

  test('comes up with every part, serves, and adds up; status says what memory it takes', async () => {
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

  test('another shape on its state folder is refused in one sentence, and changes nothing', async () => {
    const { code, error } = await just('up', 'kafka');
    expect([code, error.trim()]).toEqual([
      1,
      expect.stringMatching(/^up: The data in .* just up goes on with it\. For just up kafka .*$/),
    ]);
    expect((await just('status')).code).toBe(0);
  });

  test('a broker that a signal stopped is seen by status, and goes on with the next up', async () => {
    const { pid } = servers().kafka.brokers[2]!.find()!;
    process.kill(pid, 'SIGSTOP');
    const { code, out } = await just('status');
    expect([code, out]).toEqual([1, expect.stringMatching(/\nkafka-3 +stopped by a signal /)]);
    expect((await just('up')).out).toContain('kafka-3 was stopped by a signal and goes on');
    expect(servers().kafka.brokers[2]!.find()!.pid).toBe(pid);
  });

  test('one of each kind killed with -9 is mended, by the supervisor or the next up, and no order is lost', async () => {
    const kinds = new Set(['redis-cache-1', 'pgbouncer-loms', 'loms-2', 'notifier', 'cart', 'product']);
    for (const found of findOwnProcesses(stateDir)) if (kinds.has(found.name)) signal(found, 'SIGKILL');
    const { postgres, kafka } = servers();
    process.kill(postgres.servers[1]!.find()!.pid, 'SIGKILL');
    await kafka.brokers[1]!.find()!.kill();
    expect((await just('status')).code).toBe(1);
    expect((await just('up', 'full')).error).toBe('');
    await buy(101, 10);
    const supervisor = findOwnProcesses(stateDir).find(({ name }) => name === SUPERVISOR)!;
    signal(supervisor, 'SIGKILL');
    // Without a word: as it was started.
    expect((await just('up')).error).toBe('');
    expect((await just('status')).code).toBe(0);
    await buy(201, 10);
    const report = await verifySettled();
    expect({ verdict: report.verdict, orders: report.seen.orders }).toEqual({ verdict: 'holds', orders: 30 });
  });

  test('down leaves no process behind, and down --remove no file', async () => {
    expect((await just('down')).code).toBe(0);
    expect(findOwnProcesses(stateDir)).toEqual([]);
    expect(serverPids()).toEqual([]);
    expect(listPids().filter((pid) => readCommand(pid)?.includes(stateDir))).toEqual([]);
    expect((await just('down', '--remove')).code).toBe(0);
    expect(readdirSync(stateDir, { recursive: true }).toSorted()).toEqual(['run', 'run/lock', 'run/lock.holder']);
  });
});
