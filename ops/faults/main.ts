import { type Command, runCommand } from '@tally/platform/command-line';

import { toSeconds } from '../local/run/steps.ts';
import { KAFKA_FAULTS, runFault } from './kafka.ts';
import { openLaboratory } from './laboratory.ts';

const command: Command = {
  name: 'faults',
  purpose: 'breaks a system of its own, piece by piece and under load, and lets verify judge.',
  operands: [{ name: 'LABORATORY', choices: ['kafka'], isRequired: true }],
  notes: [
    'kafka   three brokers and two instances of each service, in a temporary folder, for two minutes: the leader of a',
    "        partition is killed, a notifier, the relay's holder; two of three brokers are down; all three start again",
    'Exit code 1 unless everything held. The system that runs here, if any, is left alone.',
  ],
  run: async () => {
    const startedMs = Date.now();
    await using stack = new AsyncDisposableStack();
    // Ctrl-C leaves no process behind either.
    let isEnding = false;
    const end = () => {
      isEnding = true;
      console.log('\ninterrupted: what was started here ends first');
      void stack.disposeAsync().then(() => process.exit(1));
    };
    process.once('SIGINT', end).once('SIGTERM', end);
    const lab = await openLaboratory(stack, (text) => process.stdout.write(text));
    const faults = Object.values(KAFKA_FAULTS);
    let held = 0;
    for (const fault of faults) {
      console.log(`\n${fault.name}`);
      const result = await runFault(lab, fault, (text) => console.log(`  ${text}`));
      // What is taken apart is no result.
      if (isEnding) await new Promise<never>(() => {});
      console.log(`  ${result.held ? 'held' : 'BROKE'}: ${result.text}`);
      if (result.held) held += 1;
    }
    console.log(`\n${held} of ${faults.length} faults held, in ${toSeconds(Date.now() - startedMs)}`);
    return held === faults.length ? 0 : 1;
  },
};

await runCommand(command, process.argv.slice(2));
