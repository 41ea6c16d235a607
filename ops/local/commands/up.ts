import { type Command, runCommand } from '@tally/platform/command-line';

import { PORT_VARIABLES } from '../config.ts';
import { inWords, justCall } from '../machine/just-call.ts';
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
    '  full    three brokers, a PostgreSQL and a pgbouncer for each service, two instances of each service,',
    '          three Redis, and Prometheus if it is on PATH',
    'A state folder keeps the shape in which it was first started. Without SHAPE, up continues with that one.',
    '',
    'TALLY_STATE_DIR is the folder for data and logs (default .local). A variable that begins with CART_, LOMS_,',
    'NOTIFIER_ or PRODUCT_ reaches the service of that name. LOG_LEVEL, DRAIN_LIMIT_MS and variables that begin with',
    'OTEL_ reach every service. LIMITER_REDIS_URL and CACHE_REDIS_URLS let cart use Redis servers of your own instead',
    'of those that up starts. Each of these variables moves a port:',
    ...PORT_VARIABLES.map((name) => `  ${name}`),
  ],
  run: async (given) => {
    const state = readState(process.env);
    const shape = given.operand('SHAPE') as ShapeName | undefined;
    await raiseSystem(state, shape, (text) => process.stdout.write(text));
    const call = (words: string) => inWords(words, state.config, justCall());
    console.log(`
Tally is up after ${toSeconds(Date.now() - state.config.startedAtMs)}. Try next:

  ${call('demo')}       plays a shopper's orders, and 400 shoppers who want 100 units
  ${call('status')}     shows what runs
  ${call('logs -f')}    shows what it does
  ${call('verify')}     checks that everything adds up
  ${call('down')}       ends it; its data stays`);
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
