import type { Clock } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import { DEFAULT_HANDLER_LIMIT_MS, MAX_VALUE_BYTES } from './limits.ts';
import { type LoggedEvent, type NewEvent, RecordRefusedError, type SubscribeOptions } from './port.ts';

/**
 * Calls the handler with events of one partition. Rejects when the handler rejects, and when it takes longer than its
 * limit, even if it never ends. The handler's signal aborts at the limit and when `revoked` aborts.
 */
export async function callHandler(
  clock: Pick<Clock, 'schedule'>,
  { handler, group, handlerLimitMs = DEFAULT_HANDLER_LIMIT_MS }: SubscribeOptions,
  events: readonly LoggedEvent[],
  revoked: AbortSignal,
): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  const timedOut = Promise.withResolvers<never>();
  const limit = new AbortController();
  const cancel = clock.schedule(handlerLimitMs, () => {
    const at = `partition ${first.partition} of ${first.topic}, offset ${first.offset}`;
    limit.abort();
    timedOut.reject(
      new AppError('unavailable', `group ${group}: the handler took longer than ${handlerLimitMs} ms at ${at}`),
    );
  });
  const handled = handler(events, { signal: AbortSignal.any([revoked, limit.signal]) });
  // A handler that rejects after its limit must not end the process as an unhandled rejection.
  handled.catch(() => {});
  try {
    await Promise.race([handled, timedOut.promise]);
  } finally {
    cancel();
  }
}

/** Throws a refusal (see `toRefusal`) if the value of an event exceeds MAX_VALUE_BYTES. */
export function requireValueSize({ value }: NewEvent, batchSize: number): void {
  if (value.length <= MAX_VALUE_BYTES) return;
  throw toRefusal(`the value has ${value.length} bytes; the limit is ${MAX_VALUE_BYTES}`, batchSize);
}

/**
 * Returns the error for a record that the log refuses: RecordRefusedError when the record was published alone,
 * otherwise `invalid-argument`, because Kafka does not say which record of a batch is at fault.
 */
export function toRefusal(fault: string, batchSize: number, cause?: unknown): Error {
  return batchSize === 1
    ? new RecordRefusedError(fault, { cause })
    : new AppError('invalid-argument', `a record of the batch is refused: ${fault}`, { cause });
}

/**
 * Returns whether partitions must be added to a topic. Throws `failed-precondition` when the topic has more than
 * wanted, and when it has fewer but also holds unread events, whose keys would change partition.
 */
export async function needsPartitions(
  topic: string,
  count: number,
  wanted: number,
  isUnread: () => boolean | Promise<boolean>,
): Promise<boolean> {
  if (count === wanted) return false;
  const refuse = (reason: string) =>
    new AppError('failed-precondition', `topic ${topic} has ${count} partitions, not ${wanted}: ${reason}`);
  if (count > wanted) throw refuse('partitions cannot be removed');
  if (count > 0 && (await isUnread())) throw refuse('it has unread events, and their keys would change partition');
  return true;
}
