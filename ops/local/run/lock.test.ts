import { expect, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '@tally/platform/concurrency';

import { takeLock } from './lock.ts';

function openFolder() {
  const dir = mkdtempSync(join(tmpdir(), 'tally-lock-'));
  return { path: join(dir, 'lock'), [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
}

const lock = (path: string, waitLimitMs: number, waited: string[] = []) =>
  takeLock(systemClock, { path, purpose: 'just test', waitLimitMs, onWait: (holder) => waited.push(holder) });

test('who wants a lock that is held waits, and is told the name of the holder', async () => {
  using folder = openFolder();
  const first = await lock(folder.path, 0);
  const waited: string[] = [];
  const second = lock(folder.path, 5_000, waited);
  expect(waited).toEqual([`just test (pid ${process.pid})`]);
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
});

test('a wait that is too long is refused with the name of the holder', async () => {
  using folder = openFolder();
  using _first = await lock(folder.path, 0);
  await expect(lock(folder.path, 0)).rejects.toThrow(`just test (pid ${process.pid}) is still at work here after 0 s`);
});

test('the lock of a killed holder is free at once', async () => {
  using folder = openFolder();
  const script = `const { takeLock } = await import(${JSON.stringify(join(import.meta.dir, 'lock.ts'))});
    const clock = { nowMs: Date.now };
    await takeLock(clock, { path: ${JSON.stringify(folder.path)}, purpose: 'x', waitLimitMs: 0, onWait() {} });
    await Bun.sleep(60_000);`;
  const holder = Bun.spawn([process.execPath, '-e', script], {
    cwd: import.meta.dir,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  while (!existsSync(`${folder.path}.holder`)) await Bun.sleep(10);
  await expect(lock(folder.path, 0)).rejects.toThrow('is still at work here');
  holder.kill('SIGKILL');
  await holder.exited;
  (await lock(folder.path, 0))[Symbol.dispose]();
});
