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
}

const BENCHMARKS: Readonly<Record<string, (options: Options) => Promise<void>>> = {
  hot: benchHot,
  flow: benchFlow,
  list: benchList,
  verify: benchVerify,
};

/** Whose options these are; the others are everybody's. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '--seconds': ['hot', 'flow'],
  '--lists': ['list'],
  '--chart': ['list'],
  '--orders': ['verify'],
};

const command: Command = {
  name: 'bench',
  purpose: 'measures Tally on servers of its own; medians of the rounds count.',
  operands: [{ name: 'BENCHMARK', choices: Object.keys(BENCHMARKS), isRequired: true }],
  options: [
    { name: '--seconds', meaning: 'hot, flow: of each measurement', number: { min: 1, max: 60, fallback: 3 } },
    { name: '--rounds', meaning: 'how often each is measured', number: { min: 1, max: 20, fallback: 3 } },
    { name: '--lists', meaning: 'list: of each kind in a round', number: { min: 1, max: 100, fallback: 5 } },
    { name: '--chart', text: 'FILE', meaning: 'list: write a bar chart to this file, as SVG' },
    {
      name: '--orders',
      meaning: 'verify: of the history',
      number: { min: 1_000, max: 5_000_000, fallback: 1_000_000 },
    },
  ],
  notes: [
    'hot     orders a second on one sku through gRPC, in turn with pgbench driving the usual transaction (SELECT FOR UPDATE,',
    '        update, inserts, one commit an order) on the same server, where pgbench is on PATH',
    'flow    what each part around it carries: checkouts a second through cart and loms, events a second through one relay',
    '        and through one notifier, on PostgreSQL and on one Kafka broker; needs what just up kafka needs',
    'list    the time of one List of 1 to 20 lines, one look-up after another against pooled, with a product service of 10 ms;',
    '        the chart of the README: just bench list --chart ops/bench/list.svg',
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
    };
    await BENCHMARKS[benchmark]?.(options);
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
