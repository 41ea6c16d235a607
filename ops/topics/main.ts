import { retry, systemClock } from '@tally/platform/concurrency';
import { ConfigError, readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';
import { openEventLog } from '@tally/platform/events';
import { openDb } from '@tally/platform/postgres';
import { TOPICS } from '@tally/proto/events';

import { readTopicsConfig } from './config.ts';

/*
  Creates the topics that are missing, so that services that start afterwards find topics with the wanted replicas.
  Tries again while the log does not answer, up to 30 times. An existing topic gets partitions that it lacks, as long as
  nothing in it is unread; one with fewer replicas or a weaker setting than wanted is an error.
*/

const deps = { clock: systemClock, random: Math.random, onError: () => {} };
// A broker opens its port shortly before the cluster counts it as a member.
const TRIES = { maxTries: 30, firstPauseMs: 500, maxPauseMs: 2_000 };

try {
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
} catch (error) {
  const isExpected = error instanceof AppError || error instanceof ConfigError;
  console.error(isExpected ? `topics: ${error.message}` : error);
  process.exit(1);
}
