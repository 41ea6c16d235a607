import { afterAll, setDefaultTimeout } from 'bun:test';

import { closeTestServer } from './database.ts';
import { closeTestKafka } from './kafka.ts';

// Hooks too: a server that starts on a busy machine takes its time.
setDefaultTimeout(30_000);

// Behind the last test of the process.
afterAll(async () => {
  await Promise.all([closeTestServer(), closeTestKafka()]);
});
