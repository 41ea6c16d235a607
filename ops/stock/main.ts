import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

import { type Command, runCommand } from '@tally/platform/command-line';
import { readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import { applyStock } from './apply-stock.ts';
import { readStockConfig } from './config.ts';
import { describeLoad } from './describe-load.ts';
import { parseStockFile } from './stock-file.ts';

const REFUSED_EXIT_CODE = 3;

const command: Command = {
  name: 'stock',
  purpose: 'sets the stock of each sku that the file names.',
  operands: [
    { name: 'FILE', isRequired: true, meaning: 'JSON: [{"sku": 1148162, "total_count": 300, "reserved": 0}, …]' },
  ],
  options: [{ name: '--if-empty', meaning: 'do nothing if the database has any stock' }],
  notes: [
    '"reserved" counts goods that are reserved outside this system. A sku that the file does not name keeps its stock.',
    'A sku whose total would fall below what orders have reserved is refused, and the others are set.',
    'Set LOMS_DATABASE_URL to use another database than that of the running system.',
    'Exit codes: 0 if every sku was set, 1 for a bad file or database, 2 for a bad argument,',
    `${REFUSED_EXIT_CODE} if some skus were refused.`,
  ],
  run: async (given) => {
    const { databaseUrl, folder } = readConfig(process.env, readStockConfig);
    const entries = parseStockFile(readText(resolve(folder, given.required('FILE'))));
    const loaded = await applyStock({ databaseUrl, entries, onlyIfEmpty: given.has('--if-empty') });
    console.log(describeLoad(loaded, entries.length));
    return loaded.some(({ outcome }) => outcome === 'refused') ? REFUSED_EXIT_CODE : 0;
  },
};

function readText(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new AppError('invalid-argument', `${path} does not exist`);
  if (stat.isDirectory()) throw new AppError('invalid-argument', `${path} is a folder: name a file`);
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('invalid-argument', `${path} cannot be read: ${reason}`, { cause });
  }
}

await runCommand(command, process.argv.slice(2));
