import { runMain } from '@tally/platform/lifecycle';

import { start } from './app.ts';
import { readLomsConfig } from './config.ts';

await runMain(
  { name: 'loms', purpose: 'keeps orders, stock and reservations.', read: readLomsConfig, start },
  process.env,
  process.argv.slice(2),
);
