import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { REDIS, fetchProgram } from '../src/embedded/index.ts';
import { describeWith, redisForTests } from '../src/testing/index.ts';

const EMBEDDED = resolve(import.meta.dir, '../src/embedded/index.ts');
const isUnpacked = (await redisForTests())?.origin === "Debian's package";
const onPath = Bun.which('redis-server') ?? undefined;

let folder: string;
let dir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tally-programs-'));
  dir = join(folder, 'redis');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Fetches in a process that has only these variables. Returns the path of the program, and how long it took. */
async function fetchWith(env: Record<string, string>) {
  const startedMs = performance.now();
  const script = `const { REDIS, fetchProgram } = await import(${JSON.stringify(EMBEDDED)});
    console.log((await fetchProgram(REDIS, ${JSON.stringify(dir)}))?.path);`;
  const child = Bun.spawn([process.execPath, '-e', script], { env, stdout: 'pipe', stderr: 'inherit' });
  const path = (await new Response(child.stdout).text()).trim();
  return { path, tookMs: performance.now() - startedMs };
}

test('without apt the program on PATH is used', async () => {
  expect((await fetchWith({ PATH: '/nonexistent' })).path).toBe(String(onPath));
  expect(readFileSync(`${dir}.failed`, 'utf8')).not.toBe('');
});

describeWith(isUnpacked ? undefined : "Debian's packages cannot be downloaded", "with Debian's packages", () => {
  test('two concurrent fetches unpack one program, which a third finds', async () => {
    const both = await Promise.all([fetchProgram(REDIS, dir), fetchProgram(REDIS, dir)]);
    const third = await fetchProgram(REDIS, dir);
    expect(both).toEqual([third, third]);
    expect(third?.path).toBe(join(dir, 'usr/bin/redis-server'));
    expect(readdirSync(folder)).toEqual(['redis']);
  }, 60_000);

  test('without package lists they are downloaded too', async () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    expect((await fetchProgram(REDIS, dir, empty))?.path).toBe(join(dir, 'usr/bin/redis-server'));
    expect(readdirSync(join(folder, 'apt-lists')).some((name) => name.includes('_Packages'))).toBe(true);
  }, 60_000);

  test('a registry that does not answer costs one short wait, and no wait at the next start', async () => {
    const silent = net.createServer(() => {}).listen(0, '127.0.0.1');
    const { port } = silent.address() as net.AddressInfo;
    const proxies = { http_proxy: `http://127.0.0.1:${port}`, https_proxy: `http://127.0.0.1:${port}` };
    const env = { ...(process.env as Record<string, string>), ...proxies };
    const first = await fetchWith(env);
    expect(first.path).toBe(String(onPath));
    expect(first.tookMs).toBeLessThan(15_000);
    expect(readFileSync(`${dir}.failed`, 'utf8')).toStartWith('apt-get');
    expect((await fetchWith(env)).tookMs).toBeLessThan(2_000);
    // After 10 minutes it is tried again.
    utimesSync(`${dir}.failed`, 0, 0);
    expect((await fetchProgram(REDIS, dir))?.path).toBe(join(dir, 'usr/bin/redis-server'));
    expect(existsSync(`${dir}.failed`)).toBe(false);
    silent.close();
  }, 60_000);
});
