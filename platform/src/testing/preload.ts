import { afterAll } from 'bun:test';

import { closeTestServer } from './database.ts';

// Behind the last test of the process.
afterAll(closeTestServer);
