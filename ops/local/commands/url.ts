import { type Command, runCommand } from '@tally/platform/command-line';
import { AppError } from '@tally/platform/errors';

import { CHECKOUT, readLocalConfig } from '../config.ts';
import { inWords } from '../machine/just-call.ts';
import { requireOwn, toRunFiles } from '../run/run-files.ts';
import { createServers } from '../parts/servers.ts';
import { DATABASES, type DatabaseName, notStarted, readShape } from '../plan/shape.ts';

const command: Command = {
  name: 'url',
  purpose: "prints a database's URL, for psql and other clients.",
  operands: [{ name: 'DATABASE', choices: DATABASES, isRequired: true }],
  run: async (given) => {
    const config = readLocalConfig(process.env, CHECKOUT);
    const files = toRunFiles(config.stateDir);
    requireOwn(files.run);
    const database = given.required('DATABASE') as DatabaseName;
    const shape = readShape(files);
    if (shape === undefined) throw new AppError('failed-precondition', notStarted());
    const { postgres, kafka } = createServers(config, shape);
    const url = postgres.find(database);
    if (url === undefined) {
      console.error(`The log is Kafka${kafka.isRunning() ? '' : ', which does not run'}: for kcat -b and the like.`);
    } else if (!postgres.isRunning()) console.error(`PostgreSQL is not running: ${inWords('up')} starts it.`);
    console.log(url ?? kafka.addresses().join(','));
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
