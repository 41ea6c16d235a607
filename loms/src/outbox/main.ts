import { type Command, type CommandGroup, type Given, type Operand, runCommand } from '@tally/platform/command-line';
import { readConfig } from '@tally/platform/config';
import { type Db, openDb } from '@tally/platform/postgres';

import { readOutboxConfig } from './config.ts';
import { type EventId, listQuarantine, retryQuarantined, skipQuarantined } from './quarantine-postgres.ts';

const EVENT: readonly Operand[] = [
  { name: 'ORDER', isRequired: true, meaning: 'the id of an order, as list shows it', pattern: /^[1-9]\d{0,18}$/ },
  { name: 'VERSION', isRequired: true, meaning: 'a version of it, as list shows it', pattern: /^[1-9]\d{0,8}$/ },
];

const group: CommandGroup = {
  name: 'outbox',
  purpose:
    'shows events that the log refused, and retries or skips them. Until then, the later events of their orders wait.',
  commands: [
    command('list', 'shows the events that the log refused, and why.', [], async (db) =>
      (await listQuarantine(db)).join('\n'),
    ),
    command('retry', 'sends the event again.', EVENT, (db, given) => retryQuarantined(db, toEventId(given))),
    command(
      'skip',
      'sends a marker in place of the event, and stores the reason in the table audit of loms.',
      [...EVENT, { name: 'REASON', isRequired: true, meaning: 'the reason, in words', takesRest: true }],
      (db, given) => skipQuarantined(db, toEventId(given), given.required('REASON')),
    ),
  ],
  notes: ['LOMS_DATABASE_URL names the database.'],
};

function command(
  name: string,
  purpose: string,
  operands: readonly Operand[],
  work: (db: Db, given: Given) => Promise<string>,
): Command {
  return {
    name: `outbox ${name}`,
    purpose,
    operands,
    run: async (given) => {
      const { databaseUrl } = readConfig(process.env, readOutboxConfig);
      await using db = openDb({ url: databaseUrl, applicationName: 'outbox', maxConnections: 1 });
      console.log(await work(db, given));
      return 0;
    },
  };
}

function toEventId(given: Given): EventId {
  return { orderId: BigInt(given.required('ORDER')), version: Number(given.required('VERSION')) };
}

await runCommand(group, process.argv.slice(2));
