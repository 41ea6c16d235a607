import { AppError } from '@tally/platform/errors';

import { benchHot } from './hot.ts';

const HELP = `just bench hot [--seconds N] [--rounds N]: orders a second on one hot sku, through gRPC.

It starts a PostgreSQL and a loms of its own. Where pgbench is at hand it drives the usual transaction (SELECT FOR UPDATE,
update, inserts, one commit an order) on the same server, in turn with loms. Medians of the rounds count.

  --seconds N   of each measurement (3; 1 to 60)
  --rounds N    (3; 1 to 20)`;

try {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) console.log(HELP);
  else await benchHot(readOptions(args));
  process.exit(0);
} catch (error) {
  console.error(error instanceof AppError ? `bench: ${error.message}` : error);
  process.exit(1);
}

function readOptions([what, ...rest]: string[]): { seconds: number; rounds: number } {
  if (what !== 'hot') throw new AppError('invalid-argument', `'${what ?? ''}' is no benchmark of it.\n\n${HELP}`);
  const options = { seconds: 3, rounds: 3 };
  for (let i = 0; i < rest.length; i += 2) {
    const value = Number(rest[i + 1]);
    const max = rest[i] === '--seconds' ? 60 : 20;
    const isKnown = rest[i] === '--seconds' || rest[i] === '--rounds';
    if (!isKnown) throw new AppError('invalid-argument', `unknown option '${rest[i]}'.\n\n${HELP}`);
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new AppError(
        'invalid-argument',
        `${rest[i]} is '${rest[i + 1] ?? ''}': expected a whole number from 1 to ${max}`,
      );
    }
    options[rest[i] === '--seconds' ? 'seconds' : 'rounds'] = value;
  }
  return options;
}
