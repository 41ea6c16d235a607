import { type Command, UsageError, runCommand } from '@tally/platform/command-line';

import { benchFlow } from './flow.ts';
import { benchHot } from './hot.ts';
import { benchVerify } from './verify.ts';
import { benchList } from './list.ts';

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  readonly lists: number;
  readonly orders: number;
  readonly chart: string | undefined;
  readonly against: string | undefined;
}

const BENCHMARKS: Readonly<Record<string, (options: Options) => Promise<void>>> = {
  hot: benchHot,
  flow: benchFlow,
  list: benchList,
  verify: benchVerify,
};

/** The benchmarks that take an option. An option that is not listed belongs to all of them. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '--seconds': ['hot', 'flow'],
  '--against': ['hot'],
  '--lists': ['list'],
  '--chart': ['list'],
  '--orders': ['verify'],
};

const command: Command = {
  name: 'bench',
  purpose: 'measures Tally on servers of its own and prints the medians of several rounds.',
  operands: [{ name: 'BENCHMARK', choices: Object.keys(BENCHMARKS), isRequired: true }],
  options: [
    {
      name: '--seconds',
      meaning: 'hot, flow: seconds that each measurement takes',
      number: { min: 1, max: 60, fallback: 3 },
    },
    { name: '--rounds', meaning: 'number of rounds', number: { min: 1, max: 20, fallback: 3 } },
    { name: '--against', text: 'FOLDER', meaning: 'hot: measure another checkout of Tally in the same rounds' },
    { name: '--lists', meaning: 'list: Lists of each kind in a round', number: { min: 1, max: 100, fallback: 5 } },
    { name: '--chart', text: 'FILE', meaning: 'list: write a bar chart to this file as SVG' },
    {
      name: '--orders',
      meaning: 'verify: orders in the history',
      number: { min: 1_000, max: 5_000_000, fallback: 1_000_000 },
    },
  ],
  notes: [
    'hot     orders a second on one sku through gRPC; if pgbench is on PATH, it takes turns with Tally and drives the',
    '        usual transaction (SELECT FOR UPDATE, update, inserts, one commit an order) on the same server; with',
    '        --against, the loms of another checkout takes turns instead, and the CPU time of an order is compared too',
    'flow    what the parts around the batch carry: checkouts a second through cart and loms, and events a second',
    '        through one relay and through one notifier, on PostgreSQL and on one Kafka broker; needs what just up',
    '        kafka needs',
    'list    the time of one List of 1 to 20 lines, with look-ups one after another and pooled, and with a product',
    '        service of 10 ms; just bench list --chart ops/bench/list.svg makes the chart of docs/performance.md',
    'verify  how long verify takes over a history of many orders',
  ],
  run: async (given) => {
    const benchmark = given.required('BENCHMARK');
    for (const [option, owners] of Object.entries(OWNERS)) {
      if (!given.has(option) || owners.includes(benchmark)) continue;
      throw new UsageError(`${option} belongs to ${owners.join(' and ')}.`);
    }
    const options = {
      seconds: given.number('--seconds'),
      rounds: given.number('--rounds'),
      lists: given.number('--lists'),
      orders: given.number('--orders'),
      chart: given.text('--chart'),
      against: given.text('--against'),
    };
    await BENCHMARKS[benchmark]?.(options);
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
