import { type Command, runCommand } from './command.ts';
import { CHECKOUT, readLocalConfig } from './config.ts';
import { requireOwn, toRunFiles } from './run-files.ts';
import { createServers } from './servers.ts';
import { DATABASES, type DatabaseName, SHAPES, readShape, upCall } from './shape.ts';

const command: Command = {
  name: 'url',
  purpose: "prints a database's URL, for psql and other clients.",
  argument: { name: 'DATABASE', choices: DATABASES, required: true },
  options: [],
  run: async (given) => {
    const config = readLocalConfig(process.env, CHECKOUT);
    const files = toRunFiles(config.stateDir);
    requireOwn(files.run);
    const database = given.argument as DatabaseName;
    const { postgres, kafka } = createServers(config, readShape(files) ?? SHAPES.light);
    const url = postgres.find(database);
    if (url === undefined) {
      console.error(`The log is Kafka${kafka.isRunning() ? '' : ', which does not run'}: for kcat -b and the like.`);
    } else if (!postgres.isRunning()) console.error(`PostgreSQL is not running: ${upCall(files)} starts it.`);
    console.log(url ?? kafka.addresses().join(','));
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
