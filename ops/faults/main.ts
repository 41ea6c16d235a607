import { type Command, runCommand } from '@tally/platform/command-line';

import { toSeconds } from '../local/run/steps.ts';
import { KAFKA_FAULTS, runFault } from './kafka.ts';
import { openLaboratory } from './laboratory.ts';

const command: Command = {
  name: 'faults',
  purpose: 'starts a system of its own, breaks it under load, and lets verify judge.',
  operands: [{ name: 'LABORATORY', choices: ['kafka'], isRequired: true }],
  notes: [
    'kafka   runs three brokers and two instances of each service in a temporary folder for about two minutes. Kills',
    '        the leader of a partition, a notifier and the holder of the relay, then two of the three brokers, and',
    '        then all three',
    'The exit code is 1 unless every promise held. The running system of this checkout is left alone.',
  ],
  run: async () => {
    const startedMs = Date.now();
    await using stack = new AsyncDisposableStack();
    // Ctrl-C must not leave any process running.
    let isEnding = false;
    const end = () => {
      isEnding = true;
      console.log('\ninterrupted: stopping what was started here');
      void stack.disposeAsync().then(() => process.exit(1));
    };
    process.once('SIGINT', end).once('SIGTERM', end);
    const lab = await openLaboratory(stack, (text) => process.stdout.write(text));
    const faults = Object.values(KAFKA_FAULTS);
    let held = 0;
    for (const fault of faults) {
      console.log(`\n${fault.name}`);
      const result = await runFault(lab, fault, (text) => console.log(`  ${text}`));
      // A fault that was interrupted has no result.
      if (isEnding) await new Promise<never>(() => {});
      console.log(`  ${result.held ? 'held' : 'BROKE'}: ${result.text}`);
      if (result.held) held += 1;
    }
    const took = toSeconds(Date.now() - startedMs);
    console.log(`\nevery promise held under ${held} of ${faults.length} faults, in ${took}`);
    return held === faults.length ? 0 : 1;
  },
};

await runCommand(command, process.argv.slice(2));
