import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { freePort, pingRedis, startEmbeddedRedis } from '../src/embedded/index.ts';
import { describeWith, missingRedis, redisForTests } from '../src/testing/index.ts';

const EMBEDDED = resolve(import.meta.dir, '../src/embedded/index.ts');
const program = await redisForTests();

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tally-redis-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describeWith(await missingRedis(), 'an embedded Redis', () => {
  test('answers on 127.0.0.1, keeps nothing on disk, and dies with the process that started it', async () => {
    const port = freePort();
    const script = `const { startEmbeddedRedis } = await import(${JSON.stringify(EMBEDDED)});
      const program = ${JSON.stringify(program)};
      await startEmbeddedRedis({ program, port: ${port}, maxMemoryMib: 16, eviction: 'noeviction' });
      console.log('up');
      await Bun.sleep(60_000);`;
    const child = Bun.spawn([process.execPath, '-e', script], { cwd: folder, stdout: 'pipe' });
    const { value } = await child.stdout.getReader().read();
    expect([new TextDecoder().decode(value).trim(), await pingRedis(port)]).toEqual(['up', true]);
    child.kill('SIGKILL');
    await child.exited;
    await Bun.sleep(300);
    expect(await pingRedis(port)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a port that is in use is reported', async () => {
    const options = { program: program!, port: freePort(), maxMemoryMib: 16, eviction: 'noeviction' } as const;
    const listener = net.createServer((socket) => socket.destroy()).listen(options.port, '127.0.0.1');
    await expect(startEmbeddedRedis(options)).rejects.toThrow(`is port ${options.port} in use?`);
    listener.close();
  });

  test('a server stops when it is told to, and starts again on its port', async () => {
    const options = { program: program!, port: freePort(), maxMemoryMib: 16, eviction: 'allkeys-lru' } as const;
    const server = await startEmbeddedRedis(options);
    await server.stop();
    expect(await pingRedis(options.port)).toBe(false);
    const again = await startEmbeddedRedis(options);
    expect(await pingRedis(options.port)).toBe(true);
    await again.kill();
    expect(await pingRedis(options.port)).toBe(false);
  });
});
