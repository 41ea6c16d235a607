import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Returns a hash of the values and of the contents of files, as a short text. The paths are relative to `root`. A
 * folder stands for all files in it, except for tests and for what lies in node_modules. A path that does not exist is
 * left out.
 */
export function toFingerprint(values: unknown, root: string, paths: readonly string[]): string {
  const hash = new Bun.CryptoHasher('sha256').update(JSON.stringify(values));
  for (const path of paths.flatMap((start) => listFiles(join(root, start)))) {
    hash.update(`\0${path.slice(root.length)}\0`).update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 16);
}

function listFiles(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (stat.isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts') && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}
