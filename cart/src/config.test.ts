import { expect, test } from 'bun:test';

import { ConfigError, listVariables, readConfig } from '@tally/platform/config';

import { readCartConfig } from './config.ts';

const env = { CART_DATABASE_URL: 'postgres://localhost/cart', PRODUCT_TOKEN: 'a' };

test('only the database and the token have no default', () => {
  expect(readConfig(env, readCartConfig)).toMatchObject({
    grpcPort: 8083,
    adminPort: 8081,
    lomsAddresses: ['127.0.0.1:9083'],
    productAddresses: ['127.0.0.1:8082'],
    productToken: 'a',
    productCallsPerSecond: 10,
    productCallBurst: 1,
    instances: 1,
    limiterRedisUrl: undefined,
    cacheRedisUrls: [],
  });
});

test('Redis is configured by URLs: one for the limit, one or more for the cache', () => {
  const urls = 'redis://:secret@a:6379, rediss://b:6380';
  const { limiterRedisUrl, cacheRedisUrls } = readConfig(
    { ...env, LIMITER_REDIS_URL: 'redis://l:6379', CACHE_REDIS_URLS: urls },
    readCartConfig,
  );
  expect([limiterRedisUrl, cacheRedisUrls]).toEqual(['redis://l:6379', ['redis://:secret@a:6379', 'rediss://b:6380']]);
});

test('a rate of 0 is refused, and so is a malformed URL of Redis, without showing its password', () => {
  const broken = {
    ...env,
    CART_PRODUCT_CALLS_PER_SECOND: '0',
    CART_INSTANCES: '0',
    LIMITER_REDIS_URL: 'http://:secret@a:6379',
    CACHE_REDIS_URLS: 'redis://:secret@a:6379,redis://:secret@a:6379',
  };
  expect(() => readConfig(broken, readCartConfig)).toThrow(
    /CALLS_PER_SECOND is '0'.*CART_INSTANCES is '0'.*LIMITER_REDIS_URL is malformed.*CACHE_REDIS_URLS is malformed/s,
  );
  expect(() => readConfig(broken, readCartConfig)).not.toThrow(/secret/);
});

test('all faults are reported at once', () => {
  const broken = {
    LOMS_ADDRESS: 'nowhere',
    PRODUCT_ADDRESS: 'a:1,b',
    CART_RESUME_INTERVAL_MS: '0',
    CART_GRPC_PORT: 'x',
  };
  try {
    readConfig(broken, readCartConfig);
    throw new Error('expected faults');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).faults).toHaveLength(6);
  }
});

test('every variable has a description', () => {
  expect(listVariables(readCartConfig).every(({ meaning }) => meaning.length > 5)).toBe(true);
});
