import { afterAll, expect, test } from 'bun:test';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { isAlive } from '@tally/platform/embedded';
import { quietPorts } from '@tally/platform/testing';

import { signal } from '../local/machine/processes.ts';
import { readKeepings } from '../local/run/run-files.ts';
import { type FakeSystem, endFakeSystems, openFakeSystem, until } from './local-fake-system.ts';

const NAMES = ['first', 'second'] as const;

afterAll(endFakeSystems);

function readLog(system: FakeSystem, name: string): string {
  return readFileSync(join(system.deps.files.logs, `${name}.log`), 'utf8');
}

test('up starts the supervisor and all services, and a second up changes nothing', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up();
  const before = system.all();
  expect(before.map(({ name }) => name).toSorted()).toEqual(['first', 'second', 'supervisor']);
  expect(system.output()).toContain('ready on HTTP');

  const startedAtMs = Date.now();
  await system.up();
  expect(Date.now() - startedAtMs).toBeLessThan(1_000);
  expect(system.all()).toEqual(before.map((each) => ({ ...each, state: expect.any(String) })));
});

test('down leaves no process behind, and ends callers before the services that they call', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up(system.plan({ second: { drainMs: 200 } }));
  const before = system.all();
  expect(await system.down()).toBe(true);
  expect(system.all()).toEqual([]);
  expect(before.filter(isAlive)).toEqual([]);
  const drainedAtMs = (name: string) => Number(/"drained","atMs":(\d+)/.exec(readLog(system, name))?.[1]);
  expect(drainedAtMs('first')).toBeGreaterThanOrEqual(drainedAtMs('second'));
  expect(await system.down()).toBe(false);
});

test('a service that was killed is restarted, and the supervisor logs that', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up();
  const killed = system.find('second')!;
  signal(killed, 'SIGKILL');
  await until('second runs again', () => ![undefined, killed.pid].includes(system.find('second')?.pid));
  await system.up();
  expect(readKeepings(system.deps.files).find(({ name }) => name === 'second')).toMatchObject({
    restarts: 1,
    lastEnd: 'SIGKILL',
  });
  expect(readLog(system, 'supervisor')).toContain('the process ended by itself and is restarted');
});

test('after the supervisor was killed, the next up leaves one process of each', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up();
  const before = system.all();
  signal(system.find('supervisor')!, 'SIGKILL');
  await until('the supervisor is gone', () => system.find('supervisor') === undefined);
  expect(system.find('first')).toBeDefined();

  await system.up();
  expect(
    system
      .all()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(['first', 'second', 'supervisor']);
  expect(before.filter(isAlive)).toEqual([]);
});

test('down ends the processes that a killed supervisor left behind', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up();
  signal(system.find('supervisor')!, 'SIGKILL');
  await until('the supervisor is gone', () => system.find('supervisor') === undefined);
  expect(await system.down()).toBe(true);
  expect(system.all()).toEqual([]);
});

test('when all processes were killed at once, the next up starts them again', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up();
  for (const each of system.all()) signal(each, 'SIGKILL');
  await until('all are gone', () => system.all().length === 0);
  await system.up();
  expect(system.all()).toHaveLength(3);
});

test('a stopped service and a stopped supervisor continue with the next up', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up();
  signal(system.find('first')!, 'SIGSTOP');
  signal(system.find('supervisor')!, 'SIGSTOP');
  await until('both are stopped', () => system.all().filter(({ state }) => state === 'T').length === 2);
  await system.up();
  expect(system.all().filter(({ state }) => state === 'T')).toEqual([]);
});

test('down ends a supervisor that is stopped', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up();
  for (const each of system.all()) signal(each, 'SIGSTOP');
  await until('all are stopped', () => system.all().every(({ state }) => state === 'T'));
  await system.down();
  expect(system.all()).toEqual([]);
});

test('ups at the same time start everything once: all but one wait, and say for which command', async () => {
  await using system = await openFakeSystem(NAMES);
  await Promise.all([system.up(), system.up(), system.up()]);
  expect(
    system
      .all()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(['first', 'second', 'supervisor']);
  expect(system.output()).toContain(`just up (pid ${process.pid}) is at work here`);
});

test('the refusal of a port in use names the port, the process, and the variable that moves it', async () => {
  await using system = await openFakeSystem(NAMES);
  const [port] = quietPorts(1);
  const stranger = Bun.serve({ hostname: '0.0.0.0', port: port!, fetch: () => new Response('ok') });
  try {
    const up = system.up(system.plan({ second: { port: port! } }));
    await expect(up).rejects.toThrow(`Port ${port} (HTTP of second) is in use by process ${process.pid} (`);
    await expect(up).rejects.toThrow('choose another port with SECOND_PORT');
    expect(system.all()).toEqual([]);
  } finally {
    await stranger.stop(true);
  }
});

test('a changed service is replaced, and the others keep running', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up();
  const before = { first: system.find('first')!, second: system.find('second')! };
  const [port] = quietPorts(1);
  await system.up(system.plan({ second: { port: port! } }));
  expect(system.find('first')?.pid).toBe(before.first.pid);
  expect(isAlive(before.second)).toBe(false);
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
});

test('up fails with the last lines of a service that ends again and again, and the others keep running', async () => {
  await using system = await openFakeSystem(NAMES);
  const up = system.up(system.plan({ second: { fault: 'configuration' } }));
  await expect(up).rejects.toThrow(/second ended 3 times, last with exit code 1.*FAKE_PORT is not set/s);
  expect(system.find('first')).toBeDefined();
  await system.up();
  expect(system.all()).toHaveLength(3);
});

test('a service that does not end in time is killed', async () => {
  await using system = await openFakeSystem(NAMES);
  await system.up(system.plan({ first: { fault: 'deaf', stopLimitMs: 300 } }));
  await system.down();
  expect(system.all()).toEqual([]);
  expect(readLog(system, 'supervisor')).toContain('did not end in time and is killed');
});

test('a log stays within its bound while its service keeps writing', async () => {
  const maxLogBytes = 100_000;
  await using system = await openFakeSystem(['only'], maxLogBytes);
  await system.up(system.plan({ only: { fault: 'chatty' } }));
  const log = join(system.deps.files.logs, 'only.log');
  const sizeOf = (path: string) => (existsSync(path) ? statSync(path).size : 0);
  let cuts = 0;
  let lastBytes = 0;
  await until('it was cut five times', () => {
    const bytes = sizeOf(log);
    if (bytes < lastBytes) cuts += 1;
    lastBytes = bytes;
    return cuts === 5;
  });
  // The service writes more until the supervisor looks again.
  expect(sizeOf(log)).toBeLessThan(20 * maxLogBytes);
  expect(sizeOf(`${log}.1`)).toBeLessThan(20 * maxLogBytes);
  expect(
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line !== 'x'.repeat(10_000)),
  ).toEqual(['']);
});

test('a process with the pid of an earlier process is not signalled', async () => {
  await using system = await openFakeSystem(['only']);
  await system.up();
  const found = system.find('only')!;
  signal({ pid: found.pid, startTicks: found.startTicks - 1 }, 'SIGKILL');
  await Bun.sleep(100);
  expect(isAlive(found)).toBe(true);
});

test('down does not end the processes of another state folder', async () => {
  await using one = await openFakeSystem(['only']);
  await using other = await openFakeSystem(['only']);
  await Promise.all([one.up(), other.up()]);
  await one.down();
  expect(one.all()).toEqual([]);
  expect(other.all()).toHaveLength(2);
});

test('after an up whose migrations failed, status says what was not started, until the next up', async () => {
  await using system = await openFakeSystem(NAMES);
  const migrate = () => Promise.reject(new Error('a bad migration'));
  const failing = system.up(system.plan(), { servers: ['first'], create: async () => {}, migrate });
  await expect(failing).rejects.toThrow('a bad migration');
  const status = () => {
    const command = [process.execPath, join(import.meta.dir, '../local/commands/status.ts')];
    const { exitCode, stdout } = Bun.spawnSync(command, { env: { TALLY_STATE_DIR: system.stateDir } });
    return { exitCode, text: stdout.toString() };
  };
  const { exitCode, text } = status();
  expect(text).toContain('Not started yet: second.');
  expect(exitCode).toBe(1);
  await system.up();
  expect(status().exitCode).toBe(0);
});
