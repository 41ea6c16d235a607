import { type EveryDeps, sleep } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import type { EventLog } from './port.ts';

export interface Topic {
  readonly topic: string;
  readonly partitions: number;
}

const FIRST_ATTEMPT_LIMIT_MS = 1_000;
const RETRY_INTERVAL_MS = 2_000;

/**
 * Creates the topics and returns the log, within a second even if the log is unavailable. Topics that are missing then
 * are created in the background, and publishing to one of them throws `unavailable` until it exists.
 *
 * Throws `failed-precondition` if the log answers within that second that a topic exists but cannot be used as it is;
 * see `ensureTopic`. If the log answers so later, the error goes to `onError`, like every failure in the background,
 * and publishing to the topic keeps failing.
 */
export async function withTopics(
  { clock, onError }: Pick<EveryDeps, 'clock' | 'onError'>,
  log: EventLog,
  topics: readonly Topic[],
): Promise<EventLog> {
  const missing = new Map(topics.map(({ topic, partitions }) => [topic, partitions]));
  const closing = new AbortController();

  async function createMissing(): Promise<void> {
    for (const [topic, partitions] of missing) {
      await log.ensureTopic(topic, partitions);
      missing.delete(topic);
    }
  }

  async function retryInBackground(firstAttempt: Promise<void>): Promise<void> {
    await firstAttempt.catch(onError);
    while (missing.size > 0 && !closing.signal.aborted) {
      await sleep(clock, RETRY_INTERVAL_MS, closing.signal).catch(() => {});
      if (!closing.signal.aborted) await createMissing().catch(onError);
    }
  }

  const firstAttempt = createMissing();
  const firstError = firstAttempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  const earlyError = await Promise.race([firstError, sleep(clock, FIRST_ATTEMPT_LIMIT_MS)]);
  if (earlyError instanceof AppError && earlyError.kind === 'failed-precondition') throw earlyError;
  void retryInBackground(firstAttempt);

  return {
    ...log,
    async publish(events) {
      // The log would refuse such an event as if the event were at fault.
      const blocked = events.find(({ topic }) => missing.has(topic));
      if (blocked !== undefined) throw new AppError('unavailable', `the log has no topic ${blocked.topic} yet`);
      return await log.publish(events);
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await log[Symbol.asyncDispose]();
    },
  };
}
