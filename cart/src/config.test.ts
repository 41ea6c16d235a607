import { expect, test } from 'bun:test';

import { ConfigError, listVariables, readConfig } from '@tally/platform/config';

import { readCartConfig } from './config.ts';

const env = { CART_DATABASE_URL: 'postgres://localhost/cart', PRODUCT_TOKEN: 'a' };

test('only the database and the token must be set', () => {
  expect(readConfig(env, readCartConfig)).toMatchObject({
    grpcPort: 8083,
    adminPort: 8081,
    lomsAddresses: ['127.0.0.1:9083'],
    productAddresses: ['127.0.0.1:8082'],
    productToken: 'a',
  });
});

test('all faults come at once', () => {
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

test('every variable says what it means', () => {
  expect(listVariables(readCartConfig).every(({ meaning }) => meaning.length > 5)).toBe(true);
});
