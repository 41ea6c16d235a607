import { type Command, runCommand } from '@tally/platform/command-line';
import { DATABASE_NAMES, type DatabaseName, toBrokers } from '@tally/sql/databases';

import { isUp, notUp, readState, requirePlan } from '../state.ts';

const command: Command = {
  name: 'url',
  purpose: 'prints the URL of a database, for psql and other clients. For a log on Kafka it prints the brokers.',
  operands: [{ name: 'DATABASE', choices: DATABASE_NAMES, isRequired: true }],
  run: async (given) => {
    const state = readState(process.env);
    const url = requirePlan(state).urls[given.required('DATABASE') as DatabaseName];
    if (!isUp(state)) console.error(notUp(state.config));
    const brokers = toBrokers(url);
    if (brokers !== undefined) console.error('The log is on Kafka: these are its brokers, for kcat -b and the like.');
    console.log(brokers ?? url);
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
