import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';

import { type ServiceConfig, startService } from '../src/lifecycle/index.ts';
import { asAdmin } from '../src/postgres/index.ts';
import { type TestDatabase, openTestDatabase, waitUntil } from '../src/testing/index.ts';
import { tallyVersion } from '../src/version/index.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase('loms');
});
afterAll(() => database[Symbol.asyncDispose]());

/** Starts a service without rpcs, and stops it. Resolves with `up`, or with the error of its start. */
async function start(mode: ServiceConfig['mode']): Promise<string> {
  let built = false;
  const config = {
    name: 'loms',
    mode,
    host: '127.0.0.1',
    grpcPort: 0,
    adminPort: 0,
    databaseUrl: database.url,
    databaseConnections: 2,
    namedStatements: true,
    logLevel: 'silent',
    otlpEndpoint: undefined,
    drainMs: 100,
  } as const;
  try {
    const running = await startService(config, async (frame) => {
      built = true;
      return frame.serve([]);
    });
    await running[Symbol.asyncDispose]();
    return 'up';
  } catch (error) {
    return `${built ? 'built, ' : ''}${String(error)}`;
  }
}

const shift = (interval: string) =>
  asAdmin(database.adminUrl, (client) => client.query(`update tally_clock set shift = '${interval}'`));

test('a service in production refuses to start while the clock is shifted, and says by how much', async () => {
  expect(await start('production')).toBe('up');
  for (const [interval, said] of [
    ['61 s', '00:01:01'],
    ['-1 hour', '-01:00:00'],
    ['1 ms', '00:00:00.001'],
    ['1 month', '1 mon'],
  ] as const) {
    await shift(interval);
    const why = await start('production');
    expect(why).toStartWith('AppError');
    expect(why).toContain(`shifted by ${said}: production needs 0; update tally_clock set shift = '0'`);
    expect(await start('development')).toBe('up');
  }
  await shift('0');
  expect(await start('production')).toBe('up');
});

/** Runs example-service.ts, and collects its lines on standard output and its text on standard error. */
function run(env: Readonly<Record<string, string>>, ...args: string[]) {
  const child = Bun.spawn([process.execPath, '--no-env-file', join(import.meta.dir, 'example-service.ts'), ...args], {
    env: { EXAMPLE_DATABASE_URL: database.url, ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const run = { child, out: '', error: new Response(child.stderr).text() };
  void (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) run.out += chunk;
  })();
  return run;
}

describe('a service as a process', () => {
  test('logs version and ports at its start, shows its build in /metrics, and ends with 0 after SIGTERM', async () => {
    const example = run({});
    await waitUntil(() => example.out.includes('example is up'), { what: 'the service is up' });
    const started = JSON.parse(example.out.split('\n')[0] ?? '');
    expect(started).toMatchObject({ level: 'info', service: 'example', version: tallyVersion() });
    const metrics = await (await fetch(`http://127.0.0.1:${started.adminPort}/metrics`)).text();
    expect(metrics).toContain(`tally_build_info{version="${tallyVersion()}",bun="${Bun.version}",service="example"} 1`);
    example.child.kill('SIGTERM');
    expect(await example.child.exited).toBe(0);
  });

  test('ends with 1 when it gives up, and says why', async () => {
    const example = run({ EXAMPLE_GIVES_UP: 'yes' });
    expect(await example.child.exited).toBe(1);
    expect(await example.error).toContain('the consumer is stuck');
  });

  test('ends with 1 and lists all faults of its configuration', async () => {
    const example = run({ EXAMPLE_DATABASE_URL: '', DRAIN_LIMIT_MS: 'x' });
    expect(await example.child.exited).toBe(1);
    expect(await example.error).toMatch(
      /^example: bad configuration:\n {2}- EXAMPLE_DATABASE_URL.*\n {2}- DRAIN_LIMIT_MS/,
    );
  });

  test('prints its version', async () => {
    const example = run({}, '--version');
    expect(await example.child.exited).toBe(0);
    await waitUntil(() => example.out === `${tallyVersion()}\n`, { what: 'the version is printed' });
  });
});
