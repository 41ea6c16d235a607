import { join } from 'node:path';

import { type Command, runCommand } from '@tally/platform/command-line';
import { systemClock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { RpcError } from '@tally/platform/grpc';
import { openDb } from '@tally/platform/postgres';

import { findOwnProcesses } from '../local/machine/processes.ts';
import type { Plan } from '../local/plan/plan.ts';
import { takeLock } from '../local/run/lock.ts';
import { raiseSystem } from '../local/run/raise.ts';
import { toSeconds } from '../local/run/steps.ts';
import { type State, readState } from '../local/state.ts';
import { applyStock } from '../stock/apply-stock.ts';
import { summarise } from '../verify/describe-report.ts';
import { type Report, verify } from '../verify/verify.ts';
import { openClients } from './clients.ts';
import { PRESSES, type RushResult, SHOPPERS, UNITS, rush } from './rush.ts';
import { SKUS, playStory } from './story.ts';

/*
  Plays shoppers through the public interface of the running system, and compares their answers with the database.
*/

const LATE_LIMIT_MS = 8_000;
const LOCK_LIMIT_MS = 60_000;
const MS_PER_DAY = 86_400_000;

const command: Command = {
  name: 'demo',
  purpose: 'plays the orders of a few shoppers, then 400 shoppers who rush for 100 units while loms is killed.',
  notes: ['It starts the system if it is not up. It can be run any number of times.'],
  run: async () => {
    const state = readState(process.env);
    const plan = await bringUp(state, (text) => process.stdout.write(text));
    console.log(`\nTally is up after ${toSeconds(Date.now() - state.config.startedAtMs)}.`);
    // Two demos at once would take each other's last teapots.
    using _lock = await takeLock(systemClock, {
      path: join(state.files.run, 'demo.lock'),
      purpose: 'just demo',
      waitLimitMs: LOCK_LIMIT_MS,
      onWait: (holder) => console.log(`waiting for ${holder}, which is running here`),
    });
    try {
      return await play(state, plan);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const [reason] = error.message.split('\n');
      const message = `Tally stopped answering in the middle of the demo (${reason}): see just status.`;
      throw new AppError('unavailable', message, { cause: error });
    }
  },
};

/** Returns the exit code. */
async function play(state: State, plan: Plan): Promise<number> {
  const { urls } = plan;
  await using clients = openClients(plan);
  // Nobody else uses user ids of this size, and no two runs of the demo use the same ones.
  const firstUser = BigInt(Date.now() - 20_000 * MS_PER_DAY) * 1000n;

  await setStock(urls.loms);
  console.log('');
  await playStory({ clients, firstUser, say: (line) => console.log(line) });

  console.log(
    `${SHOPPERS} shoppers rush for ${UNITS} tickets; one checkout is pressed ${PRESSES} times; loms is killed with -9.`,
  );
  const rushUser = firstUser + 100n;
  const result = await rush({ clients, firstUser: rushUser, killLoms: () => killLoms(state) });
  console.log(
    `  all answered after ${result.seconds.toFixed(1)} s; ${result.pressedAgain} presses had to be repeated\n`,
  );
  const isRight = await judge(urls.loms, rushUser, result);
  await bringUp(state, () => {});
  const report = await verifyUntilSettled(urls);
  console.log(summarise(report));
  return isRight && report.verdict === 'holds' ? 0 : 1;
}

/** Starts what is not running and waits until everything is ready, also until loms is back after it was killed. */
function bringUp(state: State, write: (text: string) => void): Promise<Plan> {
  return raiseSystem(state, undefined, write);
}

/** Sets the stock so that exactly these units can be ordered, whatever earlier runs left reserved. */
async function setStock(databaseUrl: string): Promise<void> {
  await using db = openDb({ url: databaseUrl, applicationName: 'demo', maxConnections: 1 });
  const { rows } = await db.query('select sku, reserved from stocks', []);
  const reserved = new Map(rows.map((row) => [Number(row.sku), Number(row.reserved)]));
  const free = [
    [SKUS.lantern, 1000],
    [SKUS.teapot, 3],
    [SKUS.ticket, UNITS],
  ] as const;
  const entries = free.map(([sku, count]) => ({ sku, total: BigInt(count + (reserved.get(sku) ?? 0)), held: 0n }));
  await applyStock({ databaseUrl, entries });
}

async function killLoms({ config }: State): Promise<void> {
  for (const { name, pid } of findOwnProcesses(config.stateDir)) if (name === 'loms') process.kill(pid, 'SIGKILL');
}

/** Compares the answers with the database and prints the result. Returns whether they agree. */
async function judge(databaseUrl: string, firstUser: bigint, result: RushResult): Promise<boolean> {
  await using db = openDb({ url: databaseUrl, applicationName: 'demo', maxConnections: 1 });
  const { rows } = await db.query(
    `select count(*) filter (where o.status <> 'failed')::int as orders,
            count(distinct o.user_id) filter (where o.status = 'failed')::int as refused,
            count(*) filter (where o.status <> 'failed' and o.id = any($3))::int as answered
       from orders o
      where o.user_id >= $1 and o.user_id < $2`,
    [firstUser, firstUser + BigInt(SHOPPERS), result.orderIds],
  );
  // `refused` counts shoppers: a shopper whose refusal was lost presses again, and has a second failed order then.
  const { orders, refused, answered } = rows[0] as { orders: number; refused: number; answered: number };
  const { rows: pressed } = await db.query('select count(*)::int as orders from orders where user_id = $1', [
    firstUser + BigInt(SHOPPERS),
  ]);
  const oversold = Math.max(0, orders - UNITS);
  const ordersOfPresses = Number(pressed[0]?.orders);
  console.log(
    `${orders} orders, ${refused} refused, ${oversold} oversold, ${ordersOfPresses} order of ${PRESSES} presses`,
  );
  const isRight =
    orders === UNITS &&
    answered === UNITS &&
    result.orderIds.length === UNITS &&
    refused === SHOPPERS - UNITS &&
    result.refused === refused &&
    ordersOfPresses === 1 &&
    result.ordersOfPresses === 1;
  if (!isRight) {
    console.log(
      `WRONG: shoppers got ${result.orderIds.length} order ids (${answered} exist) and ${result.refused} refusals,`,
    );
    console.log(`and the ${PRESSES} presses got ${result.ordersOfPresses} different answers.`);
  }
  return isRight;
}

/** Verifies until everything holds and every event is recorded, because the last events may still be on their way. */
async function verifyUntilSettled(urls: Parameters<typeof verify>[0]['urls']): Promise<Report> {
  const untilMs = Date.now() + LATE_LIMIT_MS;
  for (;;) {
    const report = await verify({ urls });
    const { verdict, totals } = report;
    const isSettled = verdict === 'holds' && totals.notifications >= totals.events;
    if (isSettled || verdict === 'violated' || Date.now() > untilMs) return report;
    await Bun.sleep(200);
  }
}

await runCommand(command, process.argv.slice(2));
