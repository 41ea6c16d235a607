import { AppError } from '@tally/platform/errors';
import { DATABASE_NAMES } from '@tally/sql/databases';

import type { DatabaseUrls } from '../verify/databases.ts';
import { seed } from '../verify/seed/seed.ts';
import { verify } from '../verify/verify.ts';
import { createBenchDatabase, startBenchPostgres } from './bench-postgres.ts';
import { describeMachine, median } from './measure.ts';

const NEWEST_ORDERS = 10_000;
const BUDGET_SECONDS = 5;

/**
 * Measures how long verify takes over a generated history: once in each round without --full, and once at the end with
 * it.
 */
export async function benchVerify({ orders, rounds }: { orders: number; rounds: number }): Promise<void> {
  await using stack = new AsyncDisposableStack();
  console.log(describeMachine());
  const { server } = await startBenchPostgres(stack);
  const names = await Promise.all(
    DATABASE_NAMES.map(async (name) => [name, await createBenchDatabase(server, name, name)] as const),
  );
  const urls = Object.fromEntries(names) as DatabaseUrls;
  console.log(`generating a history of ${orders.toLocaleString('en')} orders`);
  await seed(urls, { orders, newest: NEWEST_ORDERS });

  const seconds: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    seconds.push(await timeVerify(urls, false));
    console.log(`round ${round} of ${rounds} is done`);
  }
  const fast = median(seconds);
  console.log(`verify                 ${fast.toFixed(1)} s, the median of ${rounds}; --full takes minutes`);
  const full = await timeVerify(urls, true);
  console.log(`verify --full          ${full.toFixed(1)} s`);
  console.log(`${fast <= BUDGET_SECONDS ? 'within' : 'OVER  '} budget: ${BUDGET_SECONDS} s`);
}

async function timeVerify(urls: DatabaseUrls, full: boolean): Promise<number> {
  const startedMs = performance.now();
  const { verdict, invariants } = await verify({ urls, full });
  if (verdict !== 'holds') {
    const broken = invariants
      .filter((each) => each.verdict === 'violated' || each.verdict === 'late')
      .map(({ name }) => name);
    throw new AppError('failed-precondition', `the generated history is ${verdict}: ${broken.join(', ')}`);
  }
  return (performance.now() - startedMs) / 1000;
}
