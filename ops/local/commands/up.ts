import { type Command, runCommand } from '@tally/platform/command-line';
import { systemClock } from '@tally/platform/concurrency';

import { CHECKOUT, PORT_VARIABLES, readLocalConfig } from '../config.ts';
import { justCall, statePrefix } from '../machine/just-call.ts';
import { lockState } from '../run/launcher.ts';
import { raiseShape } from '../run/raise-shape.ts';
import { toRunFiles } from '../run/run-files.ts';
import { type ShapeName, readShapeName } from '../plan/shape.ts';
import { createSteps, toSeconds } from '../run/steps.ts';

const command: Command = {
  name: 'up',
  purpose: 'starts the whole system in the background, or mends what of it does not run.',
  operands: [{ name: 'SHAPE', choices: ['light', 'kafka', 'full'], isRequired: false }],
  notes: [
    'light   one PostgreSQL, which is the event log too: what a new state folder gets',
    'kafka   with a real Kafka broker as the event log, fetched by Maven once; it needs Java 17',
    'full    three brokers, a PostgreSQL for each service behind a pgbouncer, two instances of each service, three Redis,',
    '        and Prometheus where it is on PATH',
    'A state folder keeps the shape that it was first started in: without a word, up goes on with that.',
    '',
    'TALLY_STATE_DIR is the folder for data and logs (.local). Variables that begin with CART_, LOMS_, NOTIFIER_, PRODUCT_ or',
    'OTEL_, and LOG_LEVEL and DRAIN_LIMIT_MS, reach the services. LIMITER_REDIS_URL and CACHE_REDIS_URLS name another Redis',
    'than those started here. Ports are moved by',
    ...PORT_VARIABLES.map((name) => `  ${name}`),
  ],
  run: async (given) => {
    // The recipe's own start, so that what was installed counts too.
    const startedAtMs = Number(process.env['TALLY_STARTED_AT_MS'] ?? Date.now());
    const config = readLocalConfig(process.env, CHECKOUT);
    const deps = {
      clock: systemClock,
      files: toRunFiles(config.stateDir),
      steps: createSteps(systemClock, (text) => process.stdout.write(text)),
    };
    using _lock = await lockState(deps, 'just up');
    await raiseShape(deps, config, (given.operand('SHAPE') ?? readShapeName(deps.files) ?? 'light') as ShapeName);
    const just = `${statePrefix()}${justCall()}`;
    console.log(
      `\nTally is up after ${toSeconds(Date.now() - startedAtMs)}.${process.env['TALLY_HINTS'] === 'no' ? '' : hints(just)}`,
    );
    return 0;
  },
};

const hints = (just: string) => ` Try next:

  ${just} demo       a shopper's orders, and 400 shoppers for 100 units
  ${just} status     what runs
  ${just} logs -f    what it does
  ${just} verify     whether everything adds up
  ${just} down       ends it; its data stays`;

await runCommand(command, process.argv.slice(2));
