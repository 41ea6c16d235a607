import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { systemClock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import { signal } from '../local/machine/processes.ts';
import { toSeconds } from '../local/run/steps.ts';
import { openReaders } from '../verify/kafka-log.ts';
import { isTold, judge } from './judge.ts';
import type { Laboratory } from './laboratory.ts';
import { startShoppers } from './shoppers.ts';

/** Something that goes wrong, in a system that works. */
export interface Fault {
  readonly name: string;
  /** Does it and, where nobody else does, mends it. Returns what is to be said of it; throws where it was not as it must be. */
  readonly run: (lab: Laboratory, say: (text: string) => void) => Promise<string>;
}

export interface FaultResult {
  readonly held: boolean;
  /** One line. */
  readonly text: string;
}

const BEFORE_MS = 2_000;
const DOWN_MS = 6_000;
const AFTER_MS = 8_000;
// What was on its way when the brokers went is marked by then.
const SETTLED_MS = 2_000;
const TOLD_LIMIT_MS = 60_000;
const ALL_BROKERS = [1, 2, 3];

export const KAFKA_FAULTS = {
  leader: {
    name: 'kill -9 the broker that leads partition 0',
    async run(lab, say) {
      const leader = await leaderOf(lab, 0);
      await lab.killBrokers([leader]);
      say(`broker ${leader} is dead; the others take over`);
      await Bun.sleep(DOWN_MS);
      await lab.startBrokers();
      return '';
    },
  },
  notifier: { name: 'kill -9 a notifier', run: (lab) => kill(lab, 'notifier') },
  relay: { name: "kill -9 the relay's holder", run: async (lab) => await kill(lab, await relayHolder(lab)) },
  majority: {
    name: 'two of three brokers are down',
    async run(lab, say) {
      await lab.killBrokers([2, 3]);
      await Bun.sleep(SETTLED_MS);
      const before = await countEvents(lab);
      say('two brokers are dead: nothing may be acknowledged, and shoppers go on');
      await Bun.sleep(DOWN_MS);
      const after = await countEvents(lab);
      if (after.acknowledged !== before.acknowledged) throw wrong(`${after.acknowledged} acknowledged`, before);
      if (after.all <= before.all) throw wrong('no shopper was served', after);
      return `${after.all - before.all} events waited, 0 acknowledged; ${await returnOfAll(lab, say)}`;
    },
  },
  restart: {
    name: 'all three brokers start again',
    async run(lab, say) {
      await lab.killBrokers(ALL_BROKERS);
      return await returnOfAll(lab, say);
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

let lastUser = 0n;
const USERS_OF_A_FAULT = 1_000_000n;

/** Brings it about under load, lets the load go on for a while, and judges. */
export async function runFault(lab: Laboratory, fault: Fault, say: (text: string) => void): Promise<FaultResult> {
  lastUser += USERS_OF_A_FAULT;
  const shoppers = startShoppers(lab, lastUser);
  try {
    await Bun.sleep(BEFORE_MS);
    const words = await fault.run(lab, say);
    await Bun.sleep(AFTER_MS);
    const bought = await shoppers.stop();
    const { wrong: faults, events, longestPauseMs } = await judge(lab, bought);
    const orders = bought.paid + bought.cancelled;
    const figures = `longest pause ${toSeconds(longestPauseMs)}; ${orders} orders, ${events} events`;
    const text = [...(faults.length === 0 ? [] : [faults.join(', ')]), figures, ...(words === '' ? [] : [words])];
    return { held: faults.length === 0, text: text.join('; ') };
  } catch (error) {
    await shoppers.stop().catch(() => {});
    return { held: false, text: error instanceof Error ? error.message : String(error) };
  }
}

/** The supervisor starts it again. */
async function kill(lab: Laboratory, name: string): Promise<string> {
  const found = lab.find(name);
  if (found === undefined) throw new AppError('unavailable', `there is no ${name}`);
  signal(found, 'SIGKILL');
  return '';
}

async function leaderOf({ urls }: Laboratory, partition: number): Promise<number> {
  await using readers = await openReaders(urls.log);
  const leader = (await readers.events.leaders()).get(partition);
  if (leader === undefined) throw new AppError('unavailable', `nobody leads partition ${partition}`);
  return leader;
}

/** Each instance writes into its log by which name it asks for the lease. */
async function relayHolder({ db, logsDir }: Laboratory): Promise<string> {
  const { rows } = await db.loms.query(`select holder::text as holder from leases where name = 'relay'`, []);
  const instance = ['loms', 'loms-2'].find((name) =>
    readFileSync(join(logsDir, `${name}.log`), 'utf8').includes(`"holder":"${rows[0]?.holder}"`),
  );
  if (instance === undefined) throw new AppError('unavailable', 'no instance of loms holds the relay');
  return instance;
}

interface EventCounts {
  readonly all: number;
  readonly acknowledged: number;
}

async function countEvents({ db }: Laboratory): Promise<EventCounts> {
  const { rows } = await db.loms.query(
    'select count(*)::int as all, count(log_offset)::int as acknowledged from order_events',
    [],
  );
  return rows[0] as EventCounts;
}

const wrong = (what: string, counts: EventCounts) =>
  new AppError('failed-precondition', `${what}; ${JSON.stringify(counts)}`);

/** Starts the brokers and measures until something is told again, and until all that happened before is. */
async function returnOfAll(lab: Laboratory, say: (text: string) => void): Promise<string> {
  const { clock, startedMs } = { clock: systemClock, startedMs: systemClock.nowMs() };
  const { all } = await countEvents(lab);
  await lab.startBrokers();
  const servedMs = clock.nowMs();
  say(`the brokers serve again after ${toSeconds(servedMs - startedMs)}`);
  const countTold = async () => {
    const { rows } = await lab.db.notifier.query('select count(*)::int as n from notifications', []);
    return Number(rows[0].n);
  };
  const first = await countTold();
  await until('something is told again', async () => (await countTold()) > first || (await isTold(lab)));
  const againMs = clock.nowMs();
  await until('all is told', async () => (await countTold()) >= all);
  return `told again ${toSeconds(againMs - servedMs)} after they serve, all ${toSeconds(clock.nowMs() - servedMs)}`;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + TOLD_LIMIT_MS;
  while (!(await condition())) {
    if (Date.now() > untilMs) throw new AppError('unavailable', `not within ${toSeconds(TOLD_LIMIT_MS)}: ${what}`);
    await Bun.sleep(20);
  }
}
