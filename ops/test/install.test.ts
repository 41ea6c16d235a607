import { afterAll, expect } from 'bun:test';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { $ } from 'bun';

import { testWith, waitUntil } from '@tally/platform/testing';

const ROOT = resolve(import.meta.dir, '../..');
const folder = mkdtempSync(join(tmpdir(), 'tally-install-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Creates a checkout in which everything is installed already, so that no registry is asked. */
async function makeCheckout(): Promise<void> {
  const packages = (await $`ls -d bun.lock package.json */package.json`.cwd(ROOT).text()).trim().split('\n');
  for (const path of [...packages, 'ops/local/install.sh', '.local/packages.stamp']) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    cpSync(join(ROOT, path), join(folder, path));
  }
  symlinkSync(join(ROOT, '.local/bun'), join(folder, '.local/bun'));
  mkdirSync(join(folder, 'node_modules'));
}

const missing = Bun.which('flock') === null ? 'flock is not on PATH' : undefined;

testWith(missing, 'two commands that install at once take turns', async () => {
  await makeCheckout();
  await using first = Bun.spawn(['flock', '.local/install.lock', 'sh', '-c', 'touch begun; read line'], {
    cwd: folder,
    stdin: 'pipe',
  });
  await waitUntil(() => existsSync(join(folder, 'begun')), { what: 'the first command installs' });
  await using second = Bun.spawn(['sh', 'ops/local/install.sh'], { cwd: folder, stdout: 'pipe', stderr: 'pipe' });
  const { value } = await second.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe('another command is installing: waiting for it\n');
  expect(second.exitCode).toBeNull();
  await first.stdin.end();
  expect(await second.exited).toBe(0);
});
