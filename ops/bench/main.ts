import { type Command, runCommand } from '../local/command.ts';
import { benchHot } from './hot.ts';
import { benchVerify } from './verify.ts';

const BENCHMARKS: Readonly<
  Record<string, (options: { seconds: number; rounds: number; orders: number }) => Promise<void>>
> = {
  hot: benchHot,
  verify: benchVerify,
};

const command: Command = {
  name: 'bench',
  purpose: 'measures Tally on servers of its own; medians of the rounds count.',
  argument: { name: 'BENCHMARK', choices: Object.keys(BENCHMARKS), required: true },
  options: [
    { name: '--seconds', meaning: 'hot: of each measurement', number: { min: 1, max: 60, fallback: 3 } },
    { name: '--rounds', meaning: 'how often each is measured', number: { min: 1, max: 20, fallback: 3 } },
    {
      name: '--orders',
      meaning: 'verify: of the history',
      number: { min: 1_000, max: 5_000_000, fallback: 1_000_000 },
    },
  ],
  notes: [
    'hot     orders a second on one sku through gRPC, in turn with pgbench driving the usual transaction (SELECT FOR UPDATE,',
    '        update, inserts, one commit an order) on the same server, where pgbench is on PATH',
    'verify  how long verify takes over a history of many orders',
  ],
  run: async (given) => {
    const options = {
      seconds: given.number('--seconds'),
      rounds: given.number('--rounds'),
      orders: given.number('--orders'),
    };
    await BENCHMARKS[given.argument ?? '']?.(options);
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
