import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { fetchRedisPrograms, freePort, pingRedis, startEmbeddedRedis } from '../src/embedded/index.ts';
import { redisForTests } from '../src/testing/index.ts';

const programs = await redisForTests();
const isUnpacked = programs?.origin === "Debian's package";
const onPath = Bun.which('redis-server') ?? undefined;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tally-redis-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('without package lists nothing is tried, and the one on PATH is taken', async () => {
  const empty = join(folder, 'lists');
  mkdirSync(empty);
  const found = await fetchRedisPrograms(join(folder, 'redis'), empty);
  expect(found?.server).toBe(onPath as string);
  expect(readdirSync(folder)).toEqual(['lists']);
});

describe.skipIf(!isUnpacked)("with Debian's package lists", () => {
  test('two at once unpack one redis-server, which a third finds', async () => {
    const dir = join(folder, 'redis');
    const both = await Promise.all([fetchRedisPrograms(dir), fetchRedisPrograms(dir)]);
    const third = await fetchRedisPrograms(dir);
    expect(both).toEqual([third, third]);
    expect(third?.server).toBe(join(dir, 'usr/bin/redis-server'));
    expect(readdirSync(folder)).toEqual(['redis']);
  }, 60_000);

  test('a registry that does not answer costs one short wait, and the next time none', async () => {
    const dir = join(folder, 'redis');
    const silent = net.createServer(() => {}).listen(0, '127.0.0.1');
    const { port } = silent.address() as net.AddressInfo;
    const fetchBehind = async () => {
      const startedMs = performance.now();
      const script = `const { fetchRedisPrograms } = await import(${JSON.stringify(resolve(import.meta.dir, '../src/embedded/index.ts'))});
        console.log((await fetchRedisPrograms(${JSON.stringify(dir)}))?.server);`;
      const proxies = { http_proxy: `http://127.0.0.1:${port}`, https_proxy: `http://127.0.0.1:${port}` };
      const child = Bun.spawn([process.execPath, '-e', script], {
        env: { ...process.env, ...proxies },
        stdout: 'pipe',
      });
      const said = (await new Response(child.stdout).text()).trim();
      return { said, tookMs: performance.now() - startedMs };
    };
    const first = await fetchBehind();
    expect(first.said).toBe(String(onPath));
    expect(first.tookMs).toBeLessThan(15_000);
    expect(readFileSync(`${dir}.failed`, 'utf8')).toStartWith('apt-get');
    expect((await fetchBehind()).tookMs).toBeLessThan(2_000);
    // After a while it is tried again.
    utimesSync(`${dir}.failed`, 0, 0);
    expect((await fetchRedisPrograms(dir))?.server).toBe(join(dir, 'usr/bin/redis-server'));
    expect(existsSync(`${dir}.failed`)).toBe(false);
    silent.close();
  }, 60_000);
});

describe.skipIf(programs === undefined)('an embedded Redis', () => {
  test('answers on 127.0.0.1, keeps nothing on disk, and dies with the process that started it', async () => {
    const port = freePort();
    const script = `const { startEmbeddedRedis, fetchRedisPrograms } = await import(${JSON.stringify(resolve(import.meta.dir, '../src/embedded/index.ts'))});
      const programs = ${JSON.stringify(programs)};
      await startEmbeddedRedis({ programs, port: ${port}, maxMemoryMib: 16, eviction: 'noeviction' }, 'parent');
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

  test('a port that is in use is said', async () => {
    const options = { programs: programs!, port: freePort(), maxMemoryMib: 16, eviction: 'noeviction' } as const;
    const listener = net.createServer((socket) => socket.destroy()).listen(options.port, '127.0.0.1');
    await expect(startEmbeddedRedis(options, 'parent')).rejects.toThrow(`is port ${options.port} in use?`);
    listener.close();
  });

  test('one that is started detached lives on, stops when it is told to, and starts again on its port', async () => {
    const options = { programs: programs!, port: freePort(), maxMemoryMib: 16, eviction: 'allkeys-lru' } as const;
    const server = await startEmbeddedRedis(options, 'detached');
    await server.stop();
    expect(await pingRedis(options.port)).toBe(false);
    const again = await startEmbeddedRedis(options, 'detached');
    expect(await pingRedis(options.port)).toBe(true);
    await again.kill();
    expect(await pingRedis(options.port)).toBe(false);
  });
});
