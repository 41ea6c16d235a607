import { readFileSync } from 'node:fs';

import { applyStock } from '@tally/ops/stock/apply-stock.ts';
import { describeLoad } from '@tally/ops/stock/describe-load.ts';
import { parseStockFile } from '@tally/ops/stock/stock-file.ts';

/** Loads the small stock file into a database without any stock. Returns what happened, in words. */
export async function loadFirstStock(databaseUrl: string, path: string): Promise<string> {
  const entries = parseStockFile(readFileSync(path, 'utf8'));
  const loaded = await applyStock({ databaseUrl, entries, onlyIfEmpty: true });
  return loaded.length === 0 ? 'there is stock already' : describeLoad(loaded, entries.length);
}
