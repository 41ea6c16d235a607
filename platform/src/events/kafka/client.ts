import { type ListConsumerGroupOffsetsGroup, findErrorBy } from '@platformatic/kafka';

import type { Clock } from '../../concurrency/index.ts';
import { AppError } from '../../errors/index.ts';

/** How to reach a Kafka cluster. */
export interface KafkaConnection {
  /** `host:port` of one broker or more. The client learns of the others from them. */
  readonly brokers: readonly string[];
  /** Appears in the brokers' logs and quotas. */
  readonly clientId: string;
}

/** Returns the options that all clients share. A request that is not answered in 10 s is retried up to three times. */
export function toClientOptions({ brokers, clientId }: KafkaConnection) {
  return {
    bootstrapBrokers: [...brokers],
    clientId,
    connectTimeout: 2_000,
    requestTimeout: 10_000,
    retries: 3,
    retryDelay: 200,
    autocreateTopics: false,
  };
}

/** Returns whether the error, or one nested in it, has this name in Kafka's protocol, such as `MESSAGE_TOO_LARGE`. */
export function hasErrorId(error: unknown, id: string): boolean {
  return error instanceof Error && findErrorBy(error, 'apiId', id) !== null;
}

/**
 * Rejects with `unavailable` when `work` takes longer than the limit. The work itself goes on, and its result is
 * ignored. Every call of the client needs this limit: after a broker's outage, some of its promises never settle.
 */
export async function withTimeout<T>(clock: Clock, limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const timedOut = Promise.withResolvers<never>();
  const cancel = clock.schedule(limitMs, () =>
    timedOut.reject(new AppError('unavailable', `Kafka: ${what} took longer than ${limitMs} ms`)),
  );
  work.catch(() => {});
  try {
    return await Promise.race([work, timedOut.promise]);
  } finally {
    cancel();
  }
}

/** Returns an `unavailable` error that names the innermost reason. An AppError is returned as it is. */
export function toUnavailable(what: string, cause: unknown): AppError {
  return cause instanceof AppError ? cause : wrapUnavailable(what, cause);
}

/** Returns an `unavailable` error that names the innermost reason, which lies deep in the errors of the client. */
export function wrapUnavailable(what: string, cause: unknown): AppError {
  const innermost: unknown = cause instanceof AggregateError ? cause.errors.at(-1) : cause;
  return new AppError('unavailable', `Kafka: ${what} failed: ${String(innermost)}`, { cause });
}

/** Returns pairs of a partition and its committed offset. A partition that the group never read is missing. */
export function toCommittedOffsets({ topics }: ListConsumerGroupOffsetsGroup): [partition: number, offset: bigint][] {
  return topics
    .flatMap(({ partitions }) => partitions)
    .filter(({ committedOffset }) => committedOffset >= 0n)
    .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]);
}
