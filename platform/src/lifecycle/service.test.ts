import { describe, expect, test } from 'bun:test';

import { ConfigError, readConfig } from '../config/index.ts';
import { AppError } from '../errors/index.ts';
import type { Queryable } from '../postgres/index.ts';
import { type ServiceConfig, readServiceConfig } from './service-config.ts';
import { type ServiceFrame, findTrouble, requireTrueClock, startService } from './service.ts';

const PORTS = { grpcPort: 1, adminPort: 2 };

// The pool connects at its first query, and these tests make none.
const CONFIG: ServiceConfig = {
  name: 'example',
  mode: 'development',
  host: '127.0.0.1',
  grpcPort: 0,
  adminPort: 0,
  databaseUrl: 'postgres://localhost:1/none',
  databaseConnections: 2,
  namedStatements: true,
  logLevel: 'silent',
  otlpEndpoint: undefined,
  drainMs: 20,
};

const databaseWith = (query: () => Promise<readonly unknown[]>): Queryable => ({
  query: async () => ({ rows: [...(await query())], rowCount: 0, command: 'SELECT' }),
});

describe('startService', () => {
  test('disposes the parts in reverse order, the telemetry last', async () => {
    const disposed: string[] = [];
    const running = await startService(CONFIG, async (_, stack) => {
      for (const part of ['first', 'second']) stack.defer(() => void disposed.push(part));
      return PORTS;
    });
    expect([running.grpcPort, running.adminPort, disposed]).toEqual([1, 2, []]);
    await running[Symbol.asyncDispose]();
    expect(disposed).toEqual(['second', 'first']);
  });

  test('disposes what was opened when the start fails', async () => {
    const disposed: string[] = [];
    const started = startService(CONFIG, async (_, stack) => {
      stack.defer(() => void disposed.push('part'));
      throw new Error('the port is taken');
    });
    await expect(started).rejects.toThrow('the port is taken');
    expect(disposed).toEqual(['part']);
  });

  test('aborts cutOff when the drain limit has passed, and not before the service stops', async () => {
    let frame: ServiceFrame | undefined;
    const running = await startService(CONFIG, async (built, stack) => {
      frame = built;
      // A part that ends only when it is cut off.
      stack.defer(() => new Promise((resolve) => built.cutOff.addEventListener('abort', () => resolve())));
      return PORTS;
    });
    await Bun.sleep(2 * CONFIG.drainMs);
    expect(frame?.cutOff.aborted).toBe(false);
    const stoppedMs = performance.now();
    await running[Symbol.asyncDispose]();
    expect(frame?.cutOff.aborted).toBe(true);
    expect(performance.now() - stoppedMs).toBeGreaterThanOrEqual(CONFIG.drainMs - 1);
  });

  test('does not abort cutOff when the service stops in time', async () => {
    let cutOff: AbortSignal | undefined;
    const running = await startService(CONFIG, async (frame) => {
      ({ cutOff } = frame);
      return PORTS;
    });
    await running[Symbol.asyncDispose]();
    await Bun.sleep(2 * CONFIG.drainMs);
    expect(cutOff?.aborted).toBe(false);
  });

  test('resolves gaveUp with the error of giveUp', async () => {
    const running = await startService(CONFIG, async (frame) => {
      frame.giveUp(new Error('stuck'));
      return PORTS;
    });
    expect((await running.gaveUp).message).toBe('stuck');
    await running[Symbol.asyncDispose]();
  });
});

describe('requireTrueClock', () => {
  test('refuses a shifted clock in production, and names the shift', async () => {
    const shifted = databaseWith(async () => [{ shift: '00:01:01' }]);
    const refused = requireTrueClock(shifted, 'production');
    await expect(refused).rejects.toBeInstanceOf(AppError);
    await expect(requireTrueClock(shifted, 'production')).rejects.toThrow('shifted by 00:01:01');
  });

  test('accepts a true clock in production, and asks nothing in development', async () => {
    await requireTrueClock(
      databaseWith(async () => []),
      'production',
    );
    await requireTrueClock(
      databaseWith(() => Promise.reject(new Error('it was asked'))),
      'development',
    );
  });
});

test('findTrouble asks the database with a limit of a second, and says when it does not answer', async () => {
  const limits: number[] = [];
  const databaseThat = (query: () => Promise<unknown[]>) => ({
    within: (limitMs: number) => {
      limits.push(limitMs);
      return databaseWith(query);
    },
  });
  expect(await findTrouble(databaseThat(async () => []))).toBeUndefined();
  expect(await findTrouble(databaseThat(() => Promise.reject(new Error('away'))))).toBe('the database does not answer');
  expect(limits).toEqual([1000, 1000]);
});

describe('readServiceConfig', () => {
  const read = (env: Record<string, string>) =>
    readConfig({ EXAMPLE_DATABASE_URL: 'postgres://h/d', ...env }, (reader) =>
      readServiceConfig(reader, 'example', { grpcPort: 9, adminPort: 8 }),
    );

  test('requires only the URL of the database, and by default is in production mode and listens on 127.0.0.1', () => {
    expect(read({})).toEqual({
      name: 'example',
      mode: 'production',
      host: '127.0.0.1',
      grpcPort: 9,
      adminPort: 8,
      databaseUrl: 'postgres://h/d',
      databaseConnections: 10,
      namedStatements: true,
      logLevel: 'info',
      otlpEndpoint: undefined,
      drainMs: 10_000,
    });
  });

  test('reads variables whose names begin with the name of the service', () => {
    expect(read({ EXAMPLE_GRPC_PORT: '0', EXAMPLE_DATABASE_NAMED_STATEMENTS: 'false' })).toMatchObject({
      grpcPort: 0,
      namedStatements: false,
    });
  });

  test('lists all faults at once', () => {
    const faulty = () => read({ TALLY_MODE: 'test', EXAMPLE_DATABASE_CONNECTIONS: '1', DRAIN_LIMIT_MS: '-1' });
    expect(faulty).toThrow(ConfigError);
    expect(faulty).toThrow(/TALLY_MODE.*EXAMPLE_DATABASE_CONNECTIONS.*DRAIN_LIMIT_MS/s);
  });
});
