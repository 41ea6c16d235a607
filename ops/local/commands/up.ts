import { type Command, runCommand } from '@tally/platform/command-line';

import { PORT_VARIABLES } from '../config.ts';
import { justCall, statePrefix } from '../machine/just-call.ts';
import type { ShapeName } from '../plan/shape.ts';
import { raiseSystem } from '../run/raise.ts';
import { toSeconds } from '../run/steps.ts';
import { readState } from '../state.ts';

const command: Command = {
  name: 'up',
  purpose: 'starts the whole system in the background, or repairs what does not run.',
  operands: [{ name: 'SHAPE', choices: ['light', 'kafka', 'full'], isRequired: false }],
  notes: [
    'The shape says what the system consists of:',
    '  light   one PostgreSQL, which also keeps the event log, and one instance of each service (the default)',
    '  kafka   the same, with a Kafka broker as the event log',
    '  full    three brokers, a PostgreSQL and a pgbouncer for each service, two instances of each service, three Redis,',
    '          and Prometheus if it is on PATH',
    'A state folder keeps the shape in which it was first started. Without SHAPE, up continues with that one.',
    '',
    'TALLY_STATE_DIR is the folder for data and logs (default .local). Variables that begin with CART_, LOMS_, NOTIFIER_,',
    'PRODUCT_ or OTEL_ reach the services, and so do LOG_LEVEL and DRAIN_LIMIT_MS. LIMITER_REDIS_URL and CACHE_REDIS_URLS',
    'name other Redis servers than those that up starts. These variables move a port:',
    ...PORT_VARIABLES.map((name) => `  ${name}`),
  ],
  run: async (given) => {
    const state = readState(process.env);
    const { stateDir, isStateDirChosen, startedAtMs } = state.config;
    const shape = given.operand('SHAPE') as ShapeName | undefined;
    await raiseSystem(state, shape, (text) => process.stdout.write(text));
    const just = `${isStateDirChosen ? statePrefix(stateDir) : ''}${justCall()}`;
    console.log(`
Tally is up after ${toSeconds(Date.now() - startedAtMs)}. Try next:

  ${just} demo       a shopper's orders, and 400 shoppers for 100 units
  ${just} status     what runs
  ${just} logs -f    what it does
  ${just} verify     whether everything adds up
  ${just} down       ends it; its data stays`);
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
