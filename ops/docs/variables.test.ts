import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dir, '../..');

/** Readers that other readers call. They belong to no program of their own. */
const PARTS = new Set(['readDatabaseUrl', 'readEventLogConfig', 'readServiceConfig']);

test('the table of environment variables is made from every configuration reader of the repository', () => {
  const sources = ['variables.ts', '../services.ts'].map((name) => readFileSync(join(import.meta.dir, name), 'utf8'));
  const table = sources.join('\n');
  const files = [...new Bun.Glob('{platform,cart,loms,notifier,ops,sql}/**/*.ts').scanSync({ cwd: ROOT })];
  const readers = files
    .filter((file) => !/node_modules|\.test\.ts$|\/test\//.test(file))
    .flatMap((file) => [
      ...readFileSync(join(ROOT, file), 'utf8').matchAll(/^export function (read\w+)\(\s*reader: ConfigReader/gm),
    ])
    .map(([, name = '']) => name);
  expect(readers).toContain('readCartConfig');
  expect(
    readers.filter((name) => !PARTS.has(name) && !table.includes(`${name},`) && !table.includes(`${name}(`)),
  ).toEqual([]);
});
