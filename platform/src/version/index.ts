import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const PACKAGE = resolve(import.meta.dir, '../../../package.json');

/** Returns the version of Tally: `version` in package.json at the root of the repository. */
export function tallyVersion(): string {
  return (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version;
}
