import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';
import { type ClientOf, openGrpcClient } from '@tally/platform/grpc';
import { type EmbeddedPostgres, asAdmin } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { freePort } from '@tally/platform/programs';
import { Loms } from '@tally/proto/loms';

import { createBenchDatabase, startBenchPostgres } from './bench-postgres.ts';
import { type LoadResult, runLoad } from './load.ts';
import { describeMachine, measureFsyncUs, median } from './measure.ts';
import { startProgram } from './programs.ts';

const STOCK = 1_000_000_000;
const USUAL_CLIENTS = [4, 8, 16, 64];
// What the README promises: creates at 64 callers, alone and beside as many payers, to the best of the usual transaction.
const BUDGETS = { alone: 3.5, beside: 1.8 } as const;

const LOADS = [
  { name: '16 callers', callers: 16, hasPayers: false },
  { name: '64 callers', callers: 64, hasPayers: false },
  { name: '16 callers and 16 payers', callers: 16, hasPayers: true },
  { name: '64 callers and 64 payers', callers: 64, hasPayers: true },
] as const;

/** Orders a second on one sku: loms through gRPC with everything on, in turn with pgbench on the same server. */
export async function benchHot({ seconds, rounds }: { seconds: number; rounds: number }): Promise<void> {
  await using stack = new AsyncDisposableStack();
  console.log(describeMachine());
  const { dir, server } = await startBenchPostgres(stack);
  const fsyncUs = measureFsyncUs(dir);
  const { lomsUrl, usualUrl, logUrl } = await prepareDatabases(server);
  const client = await startLoms(stack, lomsUrl, logUrl);
  const pgbench = Bun.which('pgbench');
  if (pgbench === null) console.log('skipped: the usual transaction, because pgbench is not on PATH');

  const usual = new Map<number, number[]>();
  const loads = new Map<string, LoadResult[]>();
  await runLoad({ client, callers: 64, hasPayers: true, seconds: 1 });
  for (let round = 1; round <= rounds; round += 1) {
    for (const clients of pgbench === null ? [] : USUAL_CLIENTS) {
      push(usual, clients, await runUsual(pgbench ?? '', usualUrl, clients, seconds));
    }
    for (const load of LOADS) push(loads, load.name, await runLoad({ client, ...load, seconds }));
    console.log(`round ${round} of ${rounds} is through`);
  }
  report(usual, loads, fsyncUs);
}

function push<K, V>(into: Map<K, V[]>, key: K, value: V): void {
  into.set(key, [...(into.get(key) ?? []), value]);
}

async function prepareDatabases(server: EmbeddedPostgres) {
  const [lomsUrl, usualUrl, logUrl] = [
    await createBenchDatabase(server, 'loms', 'loms'),
    await createBenchDatabase(server, 'usual', 'loms'),
    await createBenchDatabase(server, 'log', 'log'),
  ];
  for (const url of [lomsUrl, usualUrl]) {
    await asAdmin(url, (db) => db.query(`insert into stocks (sku, total, held, reserved) values (1, ${STOCK}, 0, 0)`));
  }
  return { lomsUrl, usualUrl, logUrl };
}

async function startLoms(
  stack: AsyncDisposableStack,
  databaseUrl: string,
  logUrl: string,
): Promise<ClientOf<typeof Loms>> {
  const [grpcPort, adminPort] = [freePort(), freePort()];
  const env = {
    LOMS_GRPC_PORT: String(grpcPort),
    LOMS_ADMIN_PORT: String(adminPort),
    LOMS_DATABASE_URL: databaseUrl,
    LOG_DATABASE_URL: logUrl,
  };
  await startProgram(stack, { name: 'loms', main: 'loms/src/main.ts', env, readyPort: adminPort });
  const { tracer } = openTracing('bench');
  return stack.use(openGrpcClient(Loms, { addresses: [`127.0.0.1:${grpcPort}`], tracer }));
}

/** Transactions a second. */
async function runUsual(pgbench: string, url: string, clients: number, seconds: number): Promise<number> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const script = join(import.meta.dir, 'usual.sql');
  const args = ['-n', '-M', 'prepared', '-f', script, '-c', String(clients), '-j', '2', '-T', String(seconds)];
  const child = Bun.spawn([pgbench, ...args, '-h', hostname, '-p', port, '-U', username, pathname.slice(1)], {
    env: { ...process.env, PGPASSWORD: password },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const tps = /tps = ([\d.]+)/.exec(out)?.[1];
  if (tps === undefined) throw new AppError('unavailable', `pgbench failed: ${err.trim()}`);
  return Number(tps);
}

function report(usual: Map<number, number[]>, loads: Map<string, LoadResult[]>, fsyncUs: number): void {
  const best = Math.max(0, ...[...usual.values()].map(median));
  console.log(`\nfsync of 8 KiB: ${fsyncUs.toFixed(0)} us\n`);
  for (const [clients, tps] of usual) {
    console.log(`usual transaction, ${String(clients).padStart(2)} clients     ${format(median(tps))} orders/s`);
  }
  for (const [name, results] of loads) {
    const of = (pick: (result: LoadResult) => number) => median(results.map(pick));
    const orders = of(({ ordersPerSecond }) => ordersPerSecond);
    const pays = of(({ paysPerSecond }) => paysPerSecond);
    const ratio = best === 0 ? '' : `, ${(orders / best).toFixed(1)} x the best usual`;
    const beside = pays === 0 ? '' : ` and ${format(pays).trim()} pays/s`;
    const times = `p50 ${of(({ p50Ms }) => p50Ms).toFixed(1)} ms, p99 ${of(({ p99Ms }) => p99Ms).toFixed(1)} ms`;
    console.log(`Tally, ${name.padEnd(26)} ${format(orders)} orders/s${beside} (${times})${ratio}`);
    const failures = results.reduce((sum, result) => sum + result.failures, 0);
    if (failures > 0) console.log(`  ${failures} calls failed`);
  }
  if (best === 0) return;
  const ordersOf = (name: string) => median(loads.get(name)?.map(({ ordersPerSecond }) => ordersPerSecond) ?? [0]);
  judge('creates at 64 callers', ordersOf('64 callers') / best, BUDGETS.alone);
  judge('creates at 64 callers beside 64 payers', ordersOf('64 callers and 64 payers') / best, BUDGETS.beside);
}

function judge(what: string, ratio: number, budget: number): void {
  console.log(`${ratio >= budget ? 'within' : 'BELOW '} budget: ${what} ${ratio.toFixed(2)} x; expected ${budget} x`);
}

const format = (perSecond: number) => Math.round(perSecond).toLocaleString('en').padStart(7);
