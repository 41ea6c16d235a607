import { rmSync } from 'node:fs';

import { systemClock } from '@tally/platform/concurrency';

import { type Command, runCommand } from './command.ts';
import { CHECKOUT, readLocalConfig } from './config.ts';
import { createKafka } from './kafka.ts';
import { lockState } from './launcher.ts';
import { createPostgres } from './postgres.ts';
import { toRunFiles } from './run-files.ts';
import { createSteps } from './steps.ts';
import { takeDown } from './take-down.ts';

const command: Command = {
  name: 'down',
  purpose: 'ends the whole system: services first, PostgreSQL and Kafka last. Its data stays.',
  options: [{ name: '--remove', meaning: 'remove all data and logs too' }],
  run: async (given) => {
    const { stateDir, ...config } = readLocalConfig(process.env, CHECKOUT);
    const files = toRunFiles(stateDir);
    const deps = { clock: systemClock, files, steps: createSteps(systemClock, (text) => process.stdout.write(text)) };
    const postgres = createPostgres({ stateDir, ...config });
    const kafka = createKafka({ stateDir, ...config });
    using _lock = await lockState(deps, 'just down');
    const ranRest = await takeDown(deps, stateDir, postgres);
    const ranKafka = kafka.find() !== undefined;
    if (ranKafka) await deps.steps.run('kafka', kafka.end);
    const ran = ranRest || ranKafka;
    if (!given.has('--remove')) {
      console.log(ran ? `Tally is down. Its data stays in ${postgres.dir}.` : 'Nothing was running.');
      return 0;
    }
    // Not the lock: somebody may be waiting for it.
    for (const path of [postgres.dir, kafka.dir, files.logs, files.plan, files.keepings, files.log])
      rmSync(path, { recursive: true, force: true });
    console.log(`Tally is down, its data and logs are removed. What is left is this checkout: ${CHECKOUT}`);
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
