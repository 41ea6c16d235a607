import { type Command, runCommand } from '@tally/platform/command-line';
import { DATABASE_NAMES, type DatabaseName, KAFKA_SCHEME } from '@tally/sql/databases';

import { isUp, notUp, readState, requirePlan } from '../state.ts';

const command: Command = {
  name: 'url',
  purpose: 'prints the URL of a database, for psql and other clients. For a log on Kafka it prints the brokers.',
  operands: [{ name: 'DATABASE', choices: DATABASE_NAMES, isRequired: true }],
  run: async (given) => {
    const state = readState(process.env);
    const url = requirePlan(state).urls[given.required('DATABASE') as DatabaseName];
    if (!isUp(state)) console.error(notUp(state.config));
    if (url.startsWith(KAFKA_SCHEME))
      console.error('The log is on Kafka: these are its brokers, for kcat -b and the like.');
    console.log(url.startsWith(KAFKA_SCHEME) ? url.slice(KAFKA_SCHEME.length) : url);
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
