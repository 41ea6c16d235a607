import { afterAll } from 'bun:test';

import { closeTestServer } from './database.ts';
import { closeTestKafka } from './kafka.ts';

// Behind the last test of the process.
afterAll(async () => {
  await Promise.all([closeTestServer(), closeTestKafka()]);
});
