import { readLog } from './chosen-log.ts';
import { type Command, runCommand } from './command.ts';
import { CHECKOUT, readLocalConfig } from './config.ts';
import { createKafka } from './kafka.ts';
import { createPostgres } from './postgres.ts';
import { requireOwn, toRunFiles } from './run-files.ts';
import { DATABASES, type DatabaseName } from './system.ts';

const command: Command = {
  name: 'url',
  purpose: "prints a database's URL, for psql and other clients.",
  argument: { name: 'DATABASE', choices: DATABASES, required: true },
  options: [],
  run: async (given) => {
    const config = readLocalConfig(process.env, CHECKOUT);
    const files = toRunFiles(config.stateDir);
    requireOwn(files.run);
    if (given.argument === 'log' && readLog(files) === 'kafka') {
      const kafka = createKafka(config);
      console.error(
        `The log is Kafka${kafka.find() === undefined ? ', which does not run' : ''}: for kcat -b and the like.`,
      );
      console.log(kafka.address());
      return 0;
    }
    const postgres = createPostgres(config);
    const server = postgres.find();
    if (server === undefined) console.error('PostgreSQL is not running: just up starts it.');
    console.log(postgres.url(given.argument as DatabaseName, server?.port));
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
