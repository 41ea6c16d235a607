import { type Command, runCommand } from './command.ts';
import { CHECKOUT, readLocalConfig } from './config.ts';
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
    requireOwn(toRunFiles(config.stateDir).run);
    const postgres = createPostgres(config);
    const server = postgres.find();
    if (server === undefined) console.error('PostgreSQL is not running: just up starts it.');
    console.log(postgres.url(given.argument as DatabaseName, server?.port));
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
