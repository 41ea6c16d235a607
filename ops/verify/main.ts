import { parseArgs } from 'node:util';

import { ConfigError } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import { readDatabaseUrls } from './databases.ts';
import { describeReport, summarise } from './describe-report.ts';
import { describeMend, planRepair, repair, type Repaired } from './repair/repair.ts';
import { type Verdict, verify } from './verify.ts';

const HELP = `just verify [OPTIONS]: proves that everything adds up, or says what does not. It only reads, but with --repair --yes.

  --full             all orders, checkouts and records, not only the open and recent ones
  --repair           shows which counters of stock could be mended from the ledger
  --yes              with --repair: mends them
  --reason TEXT      with --yes: why; it is kept in the table audit
  -h, --help         this text

CART_DATABASE_URL, LOMS_DATABASE_URL, NOTIFIER_DATABASE_URL and LOG_DATABASE_URL name the databases; KAFKA_BROKERS, as
host:port or several with commas, names a log on Kafka instead.
Exit codes: 0 everything holds; 1 something is violated; 2 something is late; 3 it could not look.`;

const EXIT_CODES: Record<Verdict, number> = { holds: 0, violated: 1, late: 2 };
const COULD_NOT_LOOK = 3;

try {
  process.exit(await run(process.argv.slice(2)));
} catch (error) {
  const isExpected = error instanceof AppError || error instanceof ConfigError;
  console.error(isExpected ? `verify: ${error.message}` : error);
  process.exit(COULD_NOT_LOOK);
}

async function run(words: string[]): Promise<number> {
  const options = readOptions(words);
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const urls = readDatabaseUrls(process.env);
  if (options.repair) await runRepair(urls.loms, options.yes ? options.reason : undefined);
  const startedAt = performance.now();
  const report = await verify({ urls, full: options.full });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${describeReport(report)}\n\n${summarise(report)}, in ${seconds} s`);
  return EXIT_CODES[report.verdict];
}

function readOptions(words: string[]) {
  const { values } = parse(words);
  const { full = false, repair: isRepair = false, yes = false, reason = '', help = false } = values;
  if (yes && !isRepair) throw usage('--yes belongs to --repair');
  if (reason !== '' && !yes) throw usage('--reason belongs to --repair --yes');
  if (yes && reason.trim() === '') throw usage('--repair --yes needs --reason TEXT: it is kept in the table audit');
  return { full, repair: isRepair, yes, reason: reason.trim(), help };
}

function parse(words: string[]) {
  try {
    return parseArgs({
      args: words,
      options: {
        full: { type: 'boolean' },
        repair: { type: 'boolean' },
        yes: { type: 'boolean' },
        reason: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function usage(message: string): AppError {
  return new AppError('invalid-argument', `${message}\n\n${HELP}`);
}

/** Shows what can be mended, and mends it when there is a reason to. */
async function runRepair(lomsUrl: string, reason: string | undefined): Promise<void> {
  const planned = await planRepair(lomsUrl);
  const mendable = planned.filter(({ decision }) => decision.kind === 'mend').map(({ evidence }) => evidence.sku);
  if (planned.length === 0) console.log('repair: nothing to mend, every counter is what the ledger says');
  const done = reason === undefined ? planned : await repair(lomsUrl, mendable, reason);
  const left = planned.filter(({ decision }) => decision.kind === 'leave');
  const verb = reason === undefined ? 'would mend' : 'mended';
  for (const repaired of [...done.filter((one) => !left.includes(one)), ...left])
    console.log(describeRepaired(repaired, verb));
  if (reason === undefined && mendable.length > 0) console.log('repair: to do it, add --yes --reason TEXT');
  console.log();
}

function describeRepaired({ evidence, decision }: Repaired, verb: string): string {
  if (decision.kind === 'mend') return `repair: ${verb} ${describeMend(evidence)}`;
  if (decision.kind === 'fine') return `repair: sku ${evidence.sku} is fine by now`;
  return `repair: leaves ${describeMend(evidence)}; ${decision.why}`;
}
