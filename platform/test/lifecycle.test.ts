import { afterAll, beforeAll, expect, test } from 'bun:test';

import { type ServiceConfig, startService } from '../src/lifecycle/index.ts';
import { asAdmin } from '../src/postgres/index.ts';
import { type TestDatabase, openTestDatabase } from '../src/testing/index.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase('loms');
});
afterAll(() => database[Symbol.asyncDispose]());

/** Starts a service without calls of its own, and ends it; resolves with `up`, or with why it refused. */
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

test('production refuses to start while the clock is shifted, says by how much, and starts when it is not', async () => {
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
