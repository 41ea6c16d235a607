import type { Clock } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import { DEFAULT_HANDLER_LIMIT_MS, type LoggedEvent, type SubscribeOptions } from './port.ts';

/** Brings events of one partition to the handler. Past its limit this fails, also where the handler never ends. */
export async function handOver(
  clock: Pick<Clock, 'schedule'>,
  { handler, group, handlerLimitMs = DEFAULT_HANDLER_LIMIT_MS }: SubscribeOptions,
  events: readonly LoggedEvent[],
  losing: AbortSignal,
): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  const late = Promise.withResolvers<never>();
  const limit = new AbortController();
  const cancel = clock.schedule(handlerLimitMs, () => {
    const where = `partition ${first.partition} of ${first.topic}, offset ${first.offset}`;
    const what = `group ${group}: the handler of ${where} took longer than ${handlerLimitMs} ms`;
    limit.abort();
    late.reject(new AppError('unavailable', what));
  });
  const handled = handler(events, { signal: AbortSignal.any([losing, limit.signal]) });
  handled.catch(() => {});
  try {
    await Promise.race([handled, late.promise]);
  } finally {
    cancel();
  }
}
