import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { AppError } from '@tally/platform/errors';
import { type ClientOf, openGrpcClient } from '@tally/platform/grpc';
import { type EmbeddedPostgres, freePort } from '@tally/platform/embedded';
import { asAdmin } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { Loms } from '@tally/proto/loms';

import { createBenchDatabase, startBenchPostgres } from './bench-postgres.ts';
import { cpuMsOf } from './cpu.ts';
import { type HotResult, reportAgainst, reportUsual } from './hot-report.ts';
import { runLoad } from './load.ts';
import { describeMachine, measureFsyncUs } from './measure.ts';
import { CHECKOUT, startProgram } from './programs.ts';
import { USUAL_CLIENTS, runUsual } from './usual.ts';

export interface HotOptions {
  /** Length of each measurement. */
  readonly seconds: number;
  readonly rounds: number;
  /** Folder of another checkout of Tally, which is measured in the same rounds. */
  readonly against: string | undefined;
}

/** A loms under test. */
interface Contender {
  readonly name: string;
  readonly client: ClientOf<typeof Loms>;
  readonly adminPort: number;
  readonly results: Map<string, HotResult[]>;
}

const STOCK = 1_000_000_000;

const LOADS = [
  { name: '16 callers', callers: 16, hasPayers: false },
  { name: '64 callers', callers: 64, hasPayers: false },
  { name: '16 callers and 16 payers', callers: 16, hasPayers: true },
  { name: '64 callers and 64 payers', callers: 64, hasPayers: true },
] as const;

/**
 * Measures orders a second on one sku, through gRPC with every interceptor on.
 *
 * Without `against`, measurements of loms alternate with those of pgbench, which drives the usual transaction on the
 * same server. With `against`, they alternate with those of the loms of the other checkout. The speed of a shared
 * machine drifts, so only figures of one interleaved run can be compared.
 */
export async function benchHot({ seconds, rounds, against }: HotOptions): Promise<void> {
  const other = against === undefined ? undefined : requireCheckout(against);
  await using stack = new AsyncDisposableStack();
  console.log(describeMachine());
  const { dir, server } = await startBenchPostgres(stack);
  const fsyncUs = measureFsyncUs(dir);
  const contenders = [await startContender(stack, server, 'this checkout', CHECKOUT)];
  if (other !== undefined) contenders.push(await startContender(stack, server, 'the other', other));
  for (const { client } of contenders) await runLoad({ client, callers: 64, hasPayers: true, seconds: 1 });

  const pgbench = findPgbench(other);
  const usualUrl = pgbench && (await prepareDatabase(server, 'usual', CHECKOUT));
  const usual = new Map<number, number[]>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const clients of usualUrl ? USUAL_CLIENTS : []) {
      append(usual, clients, await runUsual(pgbench as string, usualUrl as string, clients, seconds));
    }
    for (const load of LOADS) {
      // The order alternates, because the second of two runs finds warmer caches and a fuller disk.
      for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
        append(contender.results, load.name, await measure(contender, load, seconds));
      }
    }
    console.log(`round ${round} of ${rounds} is done`);
  }
  console.log(`\nfsync of 8 KiB: ${fsyncUs.toFixed(0)} us\n`);
  const [first, second] = contenders.map(({ results }) => results);
  if (second === undefined) reportUsual(usual, first as Contender['results']);
  else reportAgainst(first as Contender['results'], second);
}

function requireCheckout(folder: string): string {
  const root = resolve(folder);
  const isCheckout = existsSync(join(root, 'loms/src/main.ts')) && existsSync(join(root, 'sql/loms/migrations'));
  if (!isCheckout) throw new AppError('invalid-argument', `${root} is not a checkout of Tally: loms or sql is missing`);
  if (existsSync(join(root, 'loms/node_modules'))) return root;
  throw new AppError('failed-precondition', `${root} has no packages yet: run 'just check' there first`);
}

function findPgbench(other: string | undefined): string | undefined {
  if (other !== undefined) return undefined;
  const pgbench = Bun.which('pgbench') ?? undefined;
  if (pgbench === undefined) console.log('The usual transaction is skipped, because pgbench is not on PATH.');
  return pgbench;
}

async function startContender(
  stack: AsyncDisposableStack,
  server: EmbeddedPostgres,
  name: string,
  root: string,
): Promise<Contender> {
  const suffix = root === CHECKOUT ? 'this' : 'other';
  const databaseUrl = await prepareDatabase(server, `loms_${suffix}`, root);
  const [grpcPort, adminPort] = [freePort(), freePort()];
  const env = {
    LOMS_GRPC_PORT: String(grpcPort),
    LOMS_ADMIN_PORT: String(adminPort),
    LOMS_DATABASE_URL: databaseUrl,
    LOG_DATABASE_URL: await createBenchDatabase(server, `log_${suffix}`, 'log', root),
  };
  await startProgram(stack, { name: `loms of ${root}`, main: 'loms/src/main.ts', root, env, readyPort: adminPort });
  const { tracer } = openTracing('bench');
  const client = stack.use(openGrpcClient(Loms, { addresses: [`127.0.0.1:${grpcPort}`], tracer }));
  return { name, client, adminPort, results: new Map() };
}

/** Creates a database with the schema of loms and ample stock of one sku. Returns its URL. */
async function prepareDatabase(server: EmbeddedPostgres, name: string, root: string): Promise<string> {
  const url = await createBenchDatabase(server, name, 'loms', root);
  await asAdmin(url, (db) => db.query(`insert into stocks (sku, total, held, reserved) values (1, ${STOCK}, 0, 0)`));
  return url;
}

async function measure(
  { client, adminPort }: Contender,
  load: (typeof LOADS)[number],
  seconds: number,
): Promise<HotResult> {
  const beforeMs = await cpuMsOf(adminPort);
  const result = await runLoad({ client, ...load, seconds });
  const usedMs = (await cpuMsOf(adminPort)) - beforeMs;
  return { ...result, cpuMsPerOrder: usedMs / Math.max(1, result.orders) };
}

function append<K, V>(into: Map<K, V[]>, key: K, value: V): void {
  into.set(key, [...(into.get(key) ?? []), value]);
}
