import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dir, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'tally-addresses-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a program that prints its arguments, with the URL of a database, so that the system need not be up. */
function run(...options: string[]) {
  writeFileSync(join(dir, 'program.ts'), 'console.log(...process.argv.slice(2));');
  const command = [...options, join(import.meta.dir, 'with-addresses.ts'), '--not-up=3'];
  const { exitCode, stdout } = Bun.spawnSync(
    [process.execPath, ...command, relative(ROOT, join(dir, 'program.ts')), 'one', 'two'],
    { env: { TALLY_STATE_DIR: join(dir, 'state'), LOMS_DATABASE_URL: 'postgres://127.0.0.1/loms' } },
  );
  return { exitCode, text: stdout.toString().trim() };
}

test('the program runs with its arguments', () => {
  expect(run()).toEqual({ exitCode: 0, text: 'one two' });
});

test('a Bun that cannot replace its process is an error, and not a success', () => {
  const preload = join(dir, 'preload.ts');
  writeFileSync(preload, "Object.defineProperty(process, 'execve', { value: undefined });");
  expect(run('--preload', preload)).toEqual({ exitCode: 3, text: '' });
});
