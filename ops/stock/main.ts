import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { ConfigError, readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import { applyStock } from './apply-stock.ts';
import { readStockConfig } from './config.ts';
import { describeLoad } from './describe-load.ts';
import { parseStockFile } from './stock-file.ts';

const HELP = `just stock FILE [--if-empty]: sets what there is of each sku in the file.

  FILE        [{"sku": 1148162, "total_count": 300, "reserved": 0}, …]; reserved: goods held outside this system
  --if-empty  only into a database without any stock
  -h, --help  this text

A sku that the file does not name stays as it is. One whose total would fall below what orders have reserved is refused.
LOMS_DATABASE_URL names the database.
Exit codes: 0 all is set; 2 some skus were refused, the others are set; 1 the file, an argument or the database is bad.`;

const args = process.argv.slice(2);
if (args.some((arg) => arg === '--help' || arg === '-h')) {
  console.log(HELP);
  process.exit(0);
}
try {
  process.exit(await run(args));
} catch (error) {
  const isExpected = error instanceof AppError || error instanceof ConfigError;
  console.error(isExpected ? `stock: ${error.message}` : error);
  process.exit(1);
}

async function run(words: readonly string[]): Promise<number> {
  const [path, ...rest] = words.filter((word) => word !== '--if-empty');
  if (path === undefined || path.startsWith('-') || rest.length > 0) {
    const wrong = path === undefined ? 'FILE is missing' : `'${rest[0] ?? path}' is not expected`;
    throw new AppError('invalid-argument', `${wrong}.\n\n${HELP}`);
  }
  const { databaseUrl } = readConfig(process.env, readStockConfig);
  const entries = parseStockFile(readText(path));
  const loaded = await applyStock({ databaseUrl, entries, onlyIfEmpty: words.includes('--if-empty') });
  console.log(describeLoad(loaded, entries.length));
  return loaded.some(({ outcome }) => outcome === 'refused') ? 2 : 0;
}

/** A path is meant from where the command was called. */
function readText(path: string): string {
  const full = resolve(process.env['TALLY_CALLED_FROM'] ?? '.', path);
  if (!existsSync(full)) throw new AppError('invalid-argument', `${full} does not exist`);
  try {
    return readFileSync(full, 'utf8');
  } catch (cause) {
    throw new AppError(
      'invalid-argument',
      `${full} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}
