import { type Command, UsageError, runCommand } from '@tally/platform/command-line';
import { readConfig } from '@tally/platform/config';

import { readDatabaseUrls } from './databases.ts';
import { describeReport, summarise } from './describe-report.ts';
import { type SkuRepair, describeMend, planRepair, repair } from './repair/repair.ts';
import { type Verdict, type VerifyOptions, verify } from './verify.ts';

const EXIT_CODES: Record<Verdict, number> = { holds: 0, violated: 1, late: 2 };
const COULD_NOT_VERIFY = 3;
const PROGRESS_PAUSE_MS = 5_000;

const command: Command = {
  name: 'verify',
  purpose: 'checks that everything adds up, and says what does not. Only --repair --yes changes anything.',
  options: [
    { name: '--full', meaning: 'look at all orders, checkouts and records instead of the open and recent ones' },
    { name: '--repair', meaning: 'show which stock counters can be mended from the ledger' },
    { name: '--yes', meaning: 'with --repair: mend them' },
    { name: '--reason', text: 'TEXT', meaning: 'with --yes: the reason, which is stored in the table audit' },
  ],
  notes: [
    'CART_DATABASE_URL, LOMS_DATABASE_URL, NOTIFIER_DATABASE_URL and LOG_DATABASE_URL are the URLs of the databases.',
    'When KAFKA_BROKERS is set (host:port, or several separated by commas), the log is on Kafka instead.',
    'Exit codes: 0 everything holds; 1 something is violated; 2 something is late; 3 verify could not run.',
  ],
  run: async (given) => {
    const reason = given.text('--reason');
    if (given.has('--yes') && !given.has('--repair')) throw new UsageError('--yes is only valid with --repair.');
    if (reason !== undefined && !given.has('--yes'))
      throw new UsageError('--reason is only valid with --repair --yes.');
    if (given.has('--yes') && reason === undefined) throw new UsageError('--repair --yes needs --reason TEXT.');
    const urls = readConfig(process.env, readDatabaseUrls);
    if (given.has('--repair')) await runRepair(urls.loms, reason);
    const startedAt = performance.now();
    const report = await verify({ urls, full: given.has('--full'), onProgress: createProgress() });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${describeReport(report)}\n\n${summarise(report)}, in ${seconds} s`);
    return EXIT_CODES[report.verdict];
  },
};

/** Returns a function that prints the progress every few seconds, on stderr because it is not part of the result. */
function createProgress(): NonNullable<VerifyOptions['onProgress']> {
  let printedMs = performance.now();
  return (seen, totals) => {
    if (performance.now() - printedMs < PROGRESS_PAUSE_MS) return;
    printedMs = performance.now();
    const parts = (['orders', 'records', 'checkouts'] as const).map(
      (name) => `${seen[name].toLocaleString('en')} of ${totals[name].toLocaleString('en')} ${name}`,
    );
    console.error(`verify: looked at ${parts.join(', ')} so far`);
  };
}

/** Prints which counters can be mended, and mends them when a reason is given. */
async function runRepair(lomsUrl: string, reason: string | undefined): Promise<void> {
  const planned = await planRepair(lomsUrl);
  if (planned.length === 0) console.log('repair: nothing to mend, every counter is what the ledger says');
  const mendable = planned.filter(({ decision }) => decision.kind === 'mend');
  const left = planned.filter(({ decision }) => decision.kind === 'leave');
  const skus = mendable.map(({ evidence }) => evidence.sku);
  const mended = reason === undefined ? mendable : await repair(lomsUrl, skus, reason);
  const verb = reason === undefined ? 'would mend' : 'mended';
  for (const skuRepair of [...mended, ...left]) console.log(describeRepair(skuRepair, verb));
  if (reason === undefined && mendable.length > 0) console.log('repair: to do it, add --yes --reason TEXT');
  console.log();
}

function describeRepair({ evidence, decision }: SkuRepair, verb: string): string {
  if (decision.kind === 'mend') return `repair: ${verb} ${describeMend(evidence)}`;
  if (decision.kind === 'fine') return `repair: sku ${evidence.sku} needs no repair any more`;
  return `repair: leaves ${describeMend(evidence)}; ${decision.why}`;
}

await runCommand(command, process.argv.slice(2), { usage: COULD_NOT_VERIFY, failure: COULD_NOT_VERIFY });
