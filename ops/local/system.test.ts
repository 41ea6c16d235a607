import { expect, test } from 'bun:test';

import { CHECKOUT, readLocalConfig } from './config.ts';
import { type DatabaseName, planSystem } from './system.ts';

const toUrl = (database: DatabaseName) => `postgres://tally@127.0.0.1:1/${database}`;

function plan(env: Readonly<Record<string, string>> = {}) {
  const { processes } = planSystem(readLocalConfig(env, CHECKOUT), toUrl, []);
  return Object.fromEntries(processes.map((planned) => [planned.name, planned]));
}

test('the default ports are those of the contract, and every service gets what it needs to find the others', () => {
  const { cart, loms, notifier, product } = plan();
  expect(cart?.env).toEqual({
    TALLY_MODE: 'production',
    TALLY_HOST: '127.0.0.1',
    CART_GRPC_PORT: '8083',
    CART_ADMIN_PORT: '8081',
    CART_DATABASE_URL: toUrl('cart'),
    LOMS_ADDRESS: '127.0.0.1:9083',
    PRODUCT_ADDRESS: '127.0.0.1:8082',
    PRODUCT_TOKEN: 'testtoken',
  });
  expect(loms?.env).toMatchObject({ LOMS_GRPC_PORT: '9083', LOMS_ADMIN_PORT: '9081', LOG_DATABASE_URL: toUrl('log') });
  expect(notifier?.env).toMatchObject({ NOTIFIER_GRPC_PORT: '10083', NOTIFIER_ADMIN_PORT: '10081' });
  expect(product?.env).toMatchObject({ PRODUCT_GRPC_PORT: '8082', PRODUCT_HTTP_PORT: '8080' });
});

test('with Kafka as the log its services are told of the one broker, and of no database of the log', () => {
  const { processes } = planSystem(readLocalConfig({}, CHECKOUT), toUrl, [], {
    kafkaAddress: '127.0.0.1:19092',
  });
  for (const { name, env } of processes.filter((planned) => planned.name === 'loms' || planned.name === 'notifier')) {
    expect({ name, ...env }).toMatchObject({
      KAFKA_BROKERS: '127.0.0.1:19092',
      KAFKA_REPLICATION_FACTOR: '1',
      KAFKA_MIN_INSYNC_REPLICAS: '1',
    });
    expect(env).not.toHaveProperty('LOG_DATABASE_URL');
  }
});

test('a moved port reaches its service and its callers, and changes their fingerprints alone', () => {
  const before = plan();
  const after = plan({ LOMS_GRPC_PORT: '19083' });
  expect(after['cart']?.env['LOMS_ADDRESS']).toBe('127.0.0.1:19083');
  const changed = Object.keys(after).filter((name) => after[name]?.fingerprint !== before[name]?.fingerprint);
  expect(changed.toSorted()).toEqual(['cart', 'loms']);
});

test('a variable reaches the service whose name it begins with, shared ones reach all, others none', () => {
  const env = {
    LOMS_MAX_BATCH_LINES: '3000',
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4318',
    HOME: '/h',
  };
  const { cart, loms } = plan(env);
  expect(loms?.env).toMatchObject({ LOMS_MAX_BATCH_LINES: '3000', LOG_LEVEL: 'debug' });
  expect(cart?.env).toMatchObject({ LOG_LEVEL: 'debug', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4318' });
  expect(cart?.env).not.toHaveProperty('LOMS_MAX_BATCH_LINES');
  expect(cart?.env).not.toHaveProperty('HOME');
  expect(plan({ ...env, HOME: '/other' })['loms']?.fingerprint).toBe(loms!.fingerprint);
});

test('where there is a redis-server, cart finds it, unless the environment names others; nobody else is touched', () => {
  const programs = { server: '/bin/redis-server', env: { LD_LIBRARY_PATH: '/lib' }, origin: 'a test' };
  const planWith = (env: Readonly<Record<string, string>>, redis?: typeof programs) =>
    planSystem(readLocalConfig(env, CHECKOUT), toUrl, [], { redis }).processes;
  const [redis, ...others] = planWith({ TALLY_REDIS_PORT: '26399' }, programs);
  expect(redis).toMatchObject({ name: 'redis', env: programs.env, readyUrl: 'redis://127.0.0.1:26399' });
  expect(redis?.command.join(' ')).toMatch(/^\/bin\/redis-server --bind 127.0.0.1 --port 26399 .*volatile-lru/);
  expect(others.at(-1)?.env).toMatchObject({
    LIMITER_REDIS_URL: 'redis://127.0.0.1:26399',
    CACHE_REDIS_URLS: 'redis://127.0.0.1:26399',
  });
  const without = planWith({});
  const changed = others.filter(({ fingerprint }, i) => fingerprint !== without[i]?.fingerprint);
  expect(changed.map(({ name }) => name)).toEqual(['cart']);
  const named = planWith({ LIMITER_REDIS_URL: 'redis://l:1', CACHE_REDIS_URLS: 'redis://a:1,redis://b:1' }, programs);
  expect(named.at(-1)?.env).toMatchObject({
    LIMITER_REDIS_URL: 'redis://l:1',
    CACHE_REDIS_URLS: 'redis://a:1,redis://b:1',
  });
});

test('bad variables are all named, with what is allowed', () => {
  const read = () => readLocalConfig({ CART_GRPC_PORT: '80x', TALLY_POSTGRES_PORT: '70000' }, CHECKOUT);
  expect(read).toThrow(/CART_GRPC_PORT is '80x'.*from 1 to 65535.*TALLY_POSTGRES_PORT is '70000'/s);
  expect(() => readLocalConfig({ CART_GRPC_PORT: '9083' }, CHECKOUT)).toThrow(
    'CART_GRPC_PORT and LOMS_GRPC_PORT are both 9083: each needs a port of its own.',
  );
});
