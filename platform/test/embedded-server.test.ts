import { expect, test } from 'bun:test';

import { join } from 'node:path';

const SERVER = join(import.meta.dir, '../src/embedded/server.ts');
/** A program that starts a server, stops it, and has nothing left to do. */
const PROGRAM = `
  import { launchServer } from ${JSON.stringify(SERVER)};
  const kind = { name: 'sleep', stopSignal: 'SIGINT', deathSignal: 'KILL', startLimitMs: 1000, stopLimitMs: 60_000 };
  await launchServer(kind, { command: ['sleep', '60'], env: process.env }).stop();
`;

test('a process that has stopped its server ends at once, and not at the limit of the stop', async () => {
  const child = Bun.spawn([process.execPath, '-e', PROGRAM], { stdio: ['ignore', 'inherit', 'inherit'] });
  const timer = setTimeout(() => child.kill(), 20_000);
  await child.exited;
  clearTimeout(timer);
  expect(child.exitCode).toBe(0);
});
