import { expect, test } from 'bun:test';

import type { EmbeddedKafkaOptions } from '@tally/platform/embedded';

import { CHECKOUT, readLocalConfig } from '../config.ts';
import type { PostgresServer } from '../parts/postgres.ts';
import { grpcAddresses } from './plan.ts';
import { SHAPES, type Shape } from './shape.ts';
import { type SystemParts, planSystem, processNames } from './system.ts';

type Env = Readonly<Record<string, string>>;

const toUrl = (database: string) => `postgres://tally:secret@127.0.0.1:1/${database}`;
const programs = { path: '/bin/redis-server', env: { LD_LIBRARY_PATH: '/lib' }, origin: 'a test' };

/** Servers that need no folder on the disk, all on port 1. */
function fakeServers({ servers }: Shape): PostgresServer[] {
  return servers.map(({ name, portVariable, databases }) => ({
    name,
    databases,
    dir: '/nowhere',
    password: 'secret',
    adminUrl: toUrl('postgres'),
    process: {
      name,
      command: ['postgres'],
      env: {},
      ports: [{ port: 1, variable: portVariable, purpose: 'PostgreSQL' }],
      readyUrl: toUrl('postgres'),
      logPath: '/nowhere/log',
      stopLimitMs: 1,
      fingerprint: name,
    },
  }));
}

function fakeKafka({ brokers }: Shape): EmbeddedKafkaOptions | undefined {
  if (brokers === 0) return undefined;
  const nodes = Array.from({ length: brokers }, (_, i) => ({
    id: i + 1,
    port: 19092 + 2 * i,
    controllerPort: 19093 + 2 * i,
  }));
  const kafkaPrograms = {
    java: { path: '/bin/java', env: {}, origin: 'a test' },
    jarsDir: import.meta.dir,
    archive: '/nowhere',
  };
  return { dir: '/nowhere', programs: kafkaPrograms, nodes };
}

function planOf(shape: Shape, env: Env = {}, parts: Partial<SystemParts> = {}) {
  const config = readLocalConfig(env, CHECKOUT);
  return planSystem(config, { shape, servers: fakeServers(shape), kafka: fakeKafka(shape), ...parts });
}

function plan(env: Env = {}) {
  return Object.fromEntries(planOf(SHAPES.light, env).processes.map((planned) => [planned.name, planned]));
}

test('without variables, the ports are the documented ones, and every service is told where the others are', () => {
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

test('with the log on Kafka, its services are told the broker, and no database of the log', () => {
  const { processes } = planOf(SHAPES.kafka);
  for (const { name, env } of processes.filter((planned) => planned.name === 'loms' || planned.name === 'notifier')) {
    expect({ name, ...env }).toMatchObject({
      KAFKA_BROKERS: '127.0.0.1:19092',
      KAFKA_REPLICATION_FACTOR: '1',
      KAFKA_MIN_INSYNC_REPLICAS: '1',
    });
    expect(env).not.toHaveProperty('LOG_DATABASE_URL');
  }
});

test('a moved port changes the variables and fingerprints of its service and its callers, and no others', () => {
  const before = plan();
  const after = plan({ LOMS_GRPC_PORT: '19083' });
  expect(after['cart']?.env['LOMS_ADDRESS']).toBe('127.0.0.1:19083');
  const changed = Object.keys(after).filter((name) => after[name]?.fingerprint !== before[name]?.fingerprint);
  expect(changed.toSorted()).toEqual(['cart', 'loms']);
});

test('a variable reaches the service whose name it begins with, a shared one reaches all, any other none', () => {
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

test('cart gets the URL of redis, unless the environment names another; no other service changes', () => {
  const planWith = (env: Env, redis?: typeof programs) => planOf(SHAPES.light, env, { redis }).processes;
  const [, redis, ...others] = planWith({ TALLY_REDIS_PORT: '26399' }, programs);
  expect(redis).toMatchObject({ name: 'redis', env: programs.env, readyUrl: 'redis://127.0.0.1:26399' });
  expect(redis?.command.join(' ')).toMatch(/^\/bin\/redis-server --bind 127.0.0.1 --port 26399 .*volatile-lru/);
  expect(others.at(-1)?.env).toMatchObject({
    LIMITER_REDIS_URL: 'redis://127.0.0.1:26399',
    CACHE_REDIS_URLS: 'redis://127.0.0.1:26399',
  });
  const [, ...without] = planWith({});
  const changed = others.filter(({ fingerprint }, i) => fingerprint !== without[i]?.fingerprint);
  expect(changed.map(({ name }) => name)).toEqual(['cart']);
  const named = planWith({ LIMITER_REDIS_URL: 'redis://l:1', CACHE_REDIS_URLS: 'redis://a:1,redis://b:1' }, programs);
  expect(named.at(-1)?.env).toMatchObject({
    LIMITER_REDIS_URL: 'redis://l:1',
    CACHE_REDIS_URLS: 'redis://a:1,redis://b:1',
  });
});

function planFull(env: Env = {}) {
  const pgbouncer = { path: '/sbin/pgbouncer', env: {}, origin: 'a test' };
  return planOf(SHAPES.full, env, { redis: programs, pgbouncer, prometheus: '/bin/prometheus' });
}

test('in the full shape both instances of a service have a name and ports of their own, and callers know both', () => {
  const full = planFull();
  expect(full.processes.map(({ name }) => name).toSorted()).toEqual(processNames(SHAPES.full).toSorted());
  const env = (name: string) => full.processes.find((planned) => planned.name === name)?.env;
  const kafka = {
    KAFKA_BROKERS: '127.0.0.1:19092,127.0.0.1:19094,127.0.0.1:19096',
    KAFKA_REPLICATION_FACTOR: '3',
    KAFKA_MIN_INSYNC_REPLICAS: '2',
  };
  expect(env('loms')).toMatchObject({ ...kafka, LOMS_INSTANCE: 'loms', LOMS_GRPC_PORT: '9083' });
  expect(env('loms-2')).toMatchObject({ ...kafka, LOMS_INSTANCE: 'loms-2', LOMS_GRPC_PORT: '9183' });
  expect(env('notifier-2')).toMatchObject({ ...kafka, NOTIFIER_INSTANCE: 'notifier-2', NOTIFIER_ADMIN_PORT: '10181' });
  for (const name of ['cart', 'cart-2']) {
    expect(env(name)).toMatchObject({
      LOMS_ADDRESS: '127.0.0.1:9083,127.0.0.1:9183',
      CART_INSTANCES: '2',
      LIMITER_REDIS_URL: 'redis://127.0.0.1:16399',
      CACHE_REDIS_URLS: 'redis://127.0.0.1:16400,redis://127.0.0.1:16401',
    });
  }
  expect(grpcAddresses(full, 'cart')).toEqual(['127.0.0.1:8083', '127.0.0.1:8183']);
  const ports = full.processes
    .filter(({ command }) => command[0] !== 'postgres')
    .flatMap((planned) => planned.ports.map(({ port }) => port));
  expect(new Set(ports).size).toBe(ports.length);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});

test('a variable of the second instance changes that instance and its callers, and no others', () => {
  const before = planFull();
  const after = planFull({ LOMS_2_GRPC_PORT: '19183' });
  const changed = after.processes.filter(({ fingerprint }, i) => fingerprint !== before.processes[i]?.fingerprint);
  expect(changed.map(({ name }) => name)).toEqual(['loms-2', 'cart', 'cart-2']);
});

test('in the full shape each service uses its database through its pgbouncer, without named statements', () => {
  const { processes } = planFull();
  const bouncer = processes.find(({ name }) => name === 'pgbouncer-loms');
  const files = Object.values(bouncer?.files ?? {});
  expect(files[0]).toContain('loms = host=127.0.0.1 port=1 dbname=loms\n');
  expect(files[0]).toContain('pool_mode = transaction\n');
  expect(files[1]).toBe('"tally" "secret"\n');
  for (const name of ['loms', 'loms-2']) {
    expect(processes.find((planned) => planned.name === name)?.env).toMatchObject({
      LOMS_DATABASE_URL: 'postgres://tally:secret@127.0.0.1:16434/loms',
      LOMS_DATABASE_NAMED_STATEMENTS: 'false',
    });
  }
});

test('Prometheus scrapes the admin port of every instance of every service', () => {
  const planned = planFull().processes.at(-1);
  const { scrape_configs: jobs } = JSON.parse(Object.values(planned?.files ?? {})[0] ?? '');
  const targets = jobs[0].static_configs.map((each: { targets: string[]; labels: object }) => [
    ...each.targets,
    ...Object.values(each.labels),
  ]);
  expect(targets).toEqual([
    ['127.0.0.1:9081', 'loms'],
    ['127.0.0.1:9181', 'loms-2'],
    ['127.0.0.1:10081', 'notifier'],
    ['127.0.0.1:10181', 'notifier-2'],
    ['127.0.0.1:8081', 'cart'],
    ['127.0.0.1:8181', 'cart-2'],
  ]);
});

test('one error names every bad variable and says what is allowed', () => {
  const read = () => readLocalConfig({ CART_GRPC_PORT: '80x', TALLY_POSTGRES_PORT: '70000' }, CHECKOUT);
  expect(read).toThrow(/CART_GRPC_PORT is '80x'.*from 1 to 65535.*TALLY_POSTGRES_PORT is '70000'/s);
  expect(() => readLocalConfig({ CART_GRPC_PORT: '9083' }, CHECKOUT)).toThrow(
    'LOMS_GRPC_PORT and CART_GRPC_PORT are both 9083: each needs a port of its own.',
  );
});
