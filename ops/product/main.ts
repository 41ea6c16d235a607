import { runMain } from '@tally/platform/lifecycle';

import { start } from './app.ts';
import { readProductConfig } from './config.ts';

await runMain(
  { name: 'product', purpose: 'stands in for the product service of another team.', read: readProductConfig, start },
  process.env,
  process.argv.slice(2),
);
