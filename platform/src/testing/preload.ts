import { afterAll, setDefaultTimeout } from 'bun:test';

import { closeTestServer } from './database.ts';
import { closeTestKafka } from './kafka.ts';

// The limit holds for hooks as well. They start servers, which may take long on a busy machine.
setDefaultTimeout(30_000);

// After the last test of the process.
afterAll(async () => {
  await Promise.all([closeTestServer(), closeTestKafka()]);
});
