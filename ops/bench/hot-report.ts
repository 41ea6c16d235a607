import type { LoadResult } from './load.ts';
import { median } from './measure.ts';

/** What one load did in one round, and what it cost loms. */
export interface HotResult extends LoadResult {
  /** Processor time that loms used for each order that it created. */
  readonly cpuMsPerOrder: number;
}

/** The results of all rounds, by the name of the load. */
type HotResults = ReadonlyMap<string, readonly HotResult[]>;

// Lowest acceptable ratios of Tally's orders a second to the best rate of the usual transaction. Both are for 64
// callers: `alone` is without payers, and `beside` is with 64 payers next to them.
const BUDGETS = { alone: 3.5, beside: 1.8 } as const;

/** Prints the medians of the rounds next to the usual transaction, and whether the budgets hold. */
export function reportUsual(usual: ReadonlyMap<number, readonly number[]>, results: HotResults): void {
  const best = Math.max(0, ...[...usual.values()].map(median));
  for (const [clients, tps] of usual) {
    console.log(`usual transaction, ${String(clients).padStart(2)} clients     ${format(median(tps))} orders/s`);
  }
  for (const [load, rounds] of results) {
    const { ordersPerSecond, paysPerSecond, p50Ms, p99Ms, cpuMsPerOrder } = medians(rounds);
    const ratio = best === 0 ? '' : `, ${(ordersPerSecond / best).toFixed(1)} x the best usual`;
    const pays = paysPerSecond === 0 ? '' : ` and ${format(paysPerSecond).trim()} pays/s`;
    const times = `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, ${cpuMsPerOrder.toFixed(3)} ms CPU an order`;
    console.log(`Tally, ${load.padEnd(26)} ${format(ordersPerSecond)} orders/s${pays} (${times})${ratio}`);
    reportFailures(rounds);
  }
  if (best === 0) return;
  const rateOf = (load: string) => medians(results.get(load) ?? []).ordersPerSecond;
  judge('creates at 64 callers', rateOf('64 callers') / best, BUDGETS.alone);
  judge('creates at 64 callers beside 64 payers', rateOf('64 callers and 64 payers') / best, BUDGETS.beside);
}

/** Prints the medians of this checkout next to those of another one, and their ratios. */
export function reportAgainst(own: HotResults, other: HotResults): void {
  console.log(`${'medians of the rounds'.padEnd(26)}   orders/s, this : other        CPU ms an order, this : other`);
  for (const [load, rounds] of own) {
    const [here, there] = [medians(rounds), medians(other.get(load) ?? [])];
    const rates = compare(here.ordersPerSecond, there.ordersPerSecond, format);
    const cpu = compare(here.cpuMsPerOrder, there.cpuMsPerOrder, (ms) => ms.toFixed(3));
    console.log(`${load.padEnd(26)}   ${rates.padEnd(26)}   ${cpu}`);
    reportFailures(rounds);
  }
  const ratios = [...own].map(
    ([load, rounds]) => medians(rounds).cpuMsPerOrder / medians(other.get(load) ?? []).cpuMsPerOrder,
  );
  console.log(`\nThe median ratio of CPU an order over all loads is ${median(ratios).toFixed(3)}.`);
}

function compare(here: number, there: number, show: (value: number) => string): string {
  return `${show(here)} : ${show(there)} = ${(here / there).toFixed(3)}`;
}

function reportFailures(rounds: readonly HotResult[]): void {
  const failures = rounds.reduce((sum, { failures: failed }) => sum + failed, 0);
  if (failures > 0) console.log(`  ${failures} calls failed`);
}

function medians(rounds: readonly HotResult[]): HotResult {
  const of = (figure: keyof HotResult) => median(rounds.map((round) => round[figure]));
  return {
    orders: of('orders'),
    ordersPerSecond: of('ordersPerSecond'),
    paysPerSecond: of('paysPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    failures: of('failures'),
    cpuMsPerOrder: of('cpuMsPerOrder'),
  };
}

function judge(what: string, ratio: number, budget: number): void {
  console.log(`${ratio >= budget ? 'within' : 'BELOW '} budget: ${what} ${ratio.toFixed(2)} x; expected ${budget} x`);
}

const format = (perSecond: number) => Math.round(perSecond).toLocaleString('en').padStart(7);
