import { AppError } from '@tally/platform/errors';

import { benchHot } from './hot.ts';
import { benchList } from './list.ts';

const HELP = `just bench hot [--seconds N] [--rounds N]: orders a second on one hot sku, through gRPC.

It starts a PostgreSQL and a loms of its own. Where pgbench is at hand it drives the usual transaction (SELECT FOR UPDATE,
update, inserts, one commit an order) on the same server, in turn with loms. Medians of the rounds count.

  --seconds N   of each measurement (3; 1 to 60)
  --rounds N    (3; 1 to 20)

just bench list [--lists N] [--rounds N]: the time of one List of 1 to 20 lines, one look-up after another against pooled.

It starts a product stand-in of 10 ms of its own. Limiter and cache are off. It prints a table and writes a chart.

  --lists N     of each kind in a round (5; 1 to 100)
  --rounds N    (5; 1 to 20)`;

/** Options of a benchmark: what they are by default, and the most they may be. */
type Options = Readonly<Record<string, { readonly fallback: number; readonly max: number }>>;

const HOT: Options = { seconds: { fallback: 3, max: 60 }, rounds: { fallback: 3, max: 20 } };
const LIST: Options = { lists: { fallback: 5, max: 100 }, rounds: { fallback: 5, max: 20 } };

try {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) console.log(HELP);
  else await run(args);
  process.exit(0);
} catch (error) {
  console.error(error instanceof AppError ? `bench: ${error.message}` : error);
  process.exit(1);
}

async function run([what, ...rest]: string[]): Promise<void> {
  if (what === 'hot') {
    const { seconds = 0, rounds = 0 } = readOptions(HOT, rest);
    await benchHot({ seconds, rounds });
  } else if (what === 'list') {
    const { lists = 0, rounds = 0 } = readOptions(LIST, rest);
    await benchList({ lists, rounds });
  } else throw new AppError('invalid-argument', `'${what ?? ''}' is no benchmark of it.\n\n${HELP}`);
}

function readOptions(known: Options, words: readonly string[]): Record<string, number> {
  const options = Object.fromEntries(Object.entries(known).map(([name, { fallback }]) => [name, fallback]));
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i]?.replace(/^--/, '') ?? '';
    const option = words[i]?.startsWith('--') === true ? known[name] : undefined;
    if (option === undefined) throw new AppError('invalid-argument', `unknown option '${words[i]}'.\n\n${HELP}`);
    const value = Number(words[i + 1]);
    if (!Number.isInteger(value) || value < 1 || value > option.max) {
      throw new AppError(
        'invalid-argument',
        `${words[i]} is '${words[i + 1] ?? ''}': expected a whole number from 1 to ${option.max}`,
      );
    }
    options[name] = value;
  }
  return options;
}
