import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Returns a short text that changes when one of the values changes or the content of one of the files. A path below `root`
 * may be a folder: it stands for all files in it, except for tests.
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
