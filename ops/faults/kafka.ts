import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';

import { signal } from '../local/machine/processes.ts';
import { toSeconds } from '../local/run/steps.ts';
import { openReaders } from '../verify/kafka-log.ts';
import { isEverythingNotified, judge } from './judge.ts';
import type { Laboratory } from './laboratory.ts';
import { startShoppers } from './shoppers.ts';

/** A fault that the laboratory injects into a working system. */
export interface Fault {
  readonly name: string;
  /**
   * Injects the fault, and repairs it unless the supervisor does. Returns a text for the report, which may be empty.
   * Throws if the system did not behave as promised meanwhile.
   */
  readonly run: (lab: Laboratory, say: (text: string) => void) => Promise<string>;
}

export interface FaultResult {
  readonly held: boolean;
  /** One line for the report. */
  readonly text: string;
}

const BEFORE_MS = 2_000;
const DOWN_MS = 6_000;
const AFTER_MS = 8_000;
// Within this time, whatever was in flight when the brokers died has been marked as published.
const SETTLED_MS = 2_000;
const NOTIFIED_LIMIT_MS = 60_000;
const ALL_BROKERS = [1, 2, 3];

export const KAFKA_FAULTS = {
  leader: {
    name: 'kill -9 the broker that leads partition 0',
    async run(lab, say) {
      const leader = await leaderOf(lab, 0);
      await lab.killBrokers([leader]);
      say(`broker ${leader} was killed, and the others take over`);
      await Bun.sleep(DOWN_MS);
      await lab.startBrokers();
      return '';
    },
  },
  notifier: { name: 'kill -9 a notifier', run: (lab) => kill(lab, 'notifier') },
  relay: { name: 'kill -9 the loms that holds the relay', run: async (lab) => await kill(lab, await relayHolder(lab)) },
  majority: {
    name: 'two of three brokers are down',
    async run(lab, say) {
      await lab.killBrokers([2, 3]);
      await Bun.sleep(SETTLED_MS);
      const before = await countEvents(lab);
      say('two brokers were killed: nothing may be acknowledged, and shoppers must still be served');
      await Bun.sleep(DOWN_MS);
      const after = await countEvents(lab);
      if (after.acknowledged !== before.acknowledged)
        throw wrong(`${after.acknowledged} events were acknowledged`, before);
      if (after.all <= before.all) throw wrong('no shopper was served meanwhile', after);
      return `${after.all - before.all} events waited, 0 acknowledged; ${await recoverBrokers(lab, say)}`;
    },
  },
  restart: {
    name: 'all three brokers start again',
    async run(lab, say) {
      await lab.killBrokers(ALL_BROKERS);
      return await recoverBrokers(lab, say);
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

let lastUser = 0n;
const USERS_OF_A_FAULT = 1_000_000n;

/** Injects a fault under load, lets the load continue for 8 s, and judges the result. */
export async function runFault(lab: Laboratory, fault: Fault, say: (text: string) => void): Promise<FaultResult> {
  lastUser += USERS_OF_A_FAULT;
  const shoppers = startShoppers(lab, lastUser);
  try {
    await Bun.sleep(BEFORE_MS);
    const note = await fault.run(lab, say);
    await Bun.sleep(AFTER_MS);
    const bought = await shoppers.stop();
    const { wrong: faults, events, longestPauseMs } = await judge(lab, bought);
    const orders = bought.paid + bought.cancelled;
    const figures = `longest pause ${toSeconds(longestPauseMs)}; ${orders} orders, ${events} events`;
    const text = [...(faults.length === 0 ? [] : [faults.join(', ')]), figures, ...(note === '' ? [] : [note])];
    return { held: faults.length === 0, text: text.join('; ') };
  } catch (error) {
    await shoppers.stop().catch(() => {});
    return { held: false, text: error instanceof Error ? error.message : String(error) };
  }
}

/** Kills a process. The supervisor restarts it. */
async function kill(lab: Laboratory, name: string): Promise<string> {
  const found = lab.find(name);
  if (found === undefined) throw new AppError('unavailable', `no process named ${name} is running`);
  signal(found, 'SIGKILL');
  return '';
}

async function leaderOf({ urls }: Laboratory, partition: number): Promise<number> {
  await using readers = await openReaders(urls.log);
  const leader = (await readers.events.leaders()).get(partition);
  if (leader === undefined) throw new AppError('unavailable', `partition ${partition} has no leader`);
  return leader;
}

/** Returns the instance that holds the relay's lease. Each instance logs the name under which it asks for the lease. */
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

/** Starts the brokers and measures how long it takes until notifications resume and until none is missing. */
async function recoverBrokers(lab: Laboratory, say: (text: string) => void): Promise<string> {
  const startedMs = performance.now();
  const { all } = await countEvents(lab);
  await lab.startBrokers();
  const servedMs = performance.now();
  say(`the brokers serve again after ${toSeconds(servedMs - startedMs)}`);
  const countNotifications = async () => {
    const { rows } = await lab.db.notifier.query('select count(*)::int as n from notifications', []);
    return Number(rows[0].n);
  };
  const first = await countNotifications();
  await waitFor(
    'notifications resume',
    async () => (await countNotifications()) > first || (await isEverythingNotified(lab)),
  );
  const resumedMs = performance.now();
  await waitFor('no notification is missing', async () => (await countNotifications()) >= all);
  const [resumed, complete] = [resumedMs - servedMs, performance.now() - servedMs].map(toSeconds);
  return `notifications resumed ${resumed} after that, and none was missing after ${complete}`;
}

async function waitFor(what: string, condition: () => Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + NOTIFIED_LIMIT_MS;
  while (!(await condition())) {
    if (Date.now() > untilMs) throw new AppError('unavailable', `${what}: not within ${toSeconds(NOTIFIED_LIMIT_MS)}`);
    await Bun.sleep(20);
  }
}
