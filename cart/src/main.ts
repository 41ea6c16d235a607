import { runMain } from '@tally/platform/lifecycle';

import { start } from './app.ts';
import { readCartConfig } from './config.ts';

await runMain(
  { name: 'cart', purpose: 'keeps carts, and turns each checkout into one order.', read: readCartConfig, start },
  process.env,
  process.argv.slice(2),
);
