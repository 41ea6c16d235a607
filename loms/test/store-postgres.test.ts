import { afterAll } from 'bun:test';

import { createPostgresStore } from '../src/store-postgres.ts';
import { type LomsDatabase, openLomsDatabase } from './database.ts';
import { storeContract } from './store-contract.ts';

const opened: LomsDatabase[] = [];
afterAll(async () => {
  for (const database of opened) await database[Symbol.asyncDispose]();
});

storeContract('PostgreSQL', async () => {
  const database = await openLomsDatabase();
  opened.push(database);
  for (let sku = 1; sku <= 9; sku += 1) await database.stock(sku, 100);
  return { store: createPostgresStore(database.db), advance: (ms) => database.advance(ms) };
});
