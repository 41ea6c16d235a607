import { findErrorBy } from '@platformatic/kafka';

import type { Clock } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';

/** Where a Kafka cluster is, and who asks. */
export interface KafkaPlace {
  /** `host:port` of one broker or more; the rest is learned from them. */
  readonly brokers: readonly string[];
  /** Shown in the brokers' logs and quotas. */
  readonly clientId: string;
}

/** Of every client. A request that is not answered within its limit fails, and is tried again a few times. */
export function toClientOptions({ brokers, clientId }: KafkaPlace) {
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

/** Errors nest: looks through all of them for one that the broker named so. */
export function hasErrorId(error: unknown, ...ids: readonly string[]): boolean {
  return error instanceof Error && ids.some((id) => findErrorBy(error, 'apiId', id) !== null);
}

/** Rejects with `unavailable` once the limit has passed; the work itself goes on unheard. */
export async function within<T>(clock: Clock, limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.schedule(limitMs, () =>
    late.reject(new AppError('unavailable', `Kafka: ${what} took longer than ${limitMs} ms`)),
  );
  work.catch(() => {});
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    cancel();
  }
}

/** What the client says of a failure, with what is nested in it. */
export function toUnavailable(what: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const reason = cause instanceof AggregateError ? String(cause.errors.at(-1)) : String(cause);
  return new AppError('unavailable', `Kafka: ${what} failed: ${reason}`, { cause });
}
