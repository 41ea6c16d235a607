import { runMain } from '@tally/platform/lifecycle';

import { start } from './app.ts';
import { readNotifierConfig } from './config.ts';

await runMain(
  {
    name: 'notifier',
    purpose: 'tells shoppers of each status of their orders, in order.',
    read: readNotifierConfig,
    start,
  },
  process.env,
  process.argv.slice(2),
);
