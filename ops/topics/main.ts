import { type Command, runCommand } from '@tally/platform/command-line';
import { retry, systemClock } from '@tally/platform/concurrency';
import { readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';
import { openEventLog } from '@tally/platform/events';
import { openDb } from '@tally/platform/postgres';
import { TOPICS } from '@tally/proto/events';

import { readTopicsConfig } from './config.ts';

const deps = { clock: systemClock, random: Math.random, onError: () => {} };
// A broker opens its port shortly before the cluster counts it as a member.
const TRIES = { maxTries: 30, firstPauseMs: 500, maxPauseMs: 2_000 };

const command: Command = {
  name: 'topics',
  call: 'bun ops/topics/main.ts',
  purpose: 'creates the topics that are missing, so that services that start afterwards find them with their replicas.',
  notes: [
    'It tries up to 30 times while the log does not answer. An existing topic gets partitions that it lacks, as long as',
    'nothing in it is unread. One with fewer replicas or a weaker setting than wanted is an error.',
  ],
  run: async () => {
    const config = readConfig(process.env, readTopicsConfig);
    await using stack = new AsyncDisposableStack();
    const open = (url: string, maxConnections: number) =>
      stack.use(openDb({ url, applicationName: 'topics', maxConnections }));
    const logDeps = { ...deps, name: 'topics', openDb: open, giveUp: () => {} };
    const log = stack.use(await openEventLog(logDeps, config, { topics: [], maxConnections: 1 }));
    const isRetryable = (error: unknown) => error instanceof AppError && error.kind === 'unavailable';
    for (const { topic, partitions } of TOPICS) {
      await retry(deps, { ...TRIES, isRetryable }, () => log.ensureTopic(topic, partitions));
      console.log(`${topic}: ${partitions} partitions`);
    }
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
