import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/index.ts';
import { callHandler, needsPartitions, requireValueSize } from './delivery.ts';
import { type LoggedEvent, RecordRefusedError } from './port.ts';

const event: LoggedEvent = { topic: 't', key: 'k', value: new Uint8Array(), headers: {}, partition: 3, offset: 7n };
const subscription = { topic: 't', group: 'g', handlerLimitMs: 100 };
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('the signal of a handler aborts at its limit, and the call fails even when the handler never ends', async () => {
  const clock = createFakeClock();
  const signals: AbortSignal[] = [];
  const handler = (_: readonly LoggedEvent[], { signal }: { signal: AbortSignal }) => {
    signals.push(signal);
    return new Promise<void>(() => {});
  };
  const failure = failureOf(callHandler(clock, { ...subscription, handler }, [event], new AbortController().signal));
  await clock.advance(99);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  await clock.advance(1);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  expect(await failure).toMatchObject({
    kind: 'unavailable',
    message: 'group g: the handler took longer than 100 ms at partition 3 of t, offset 7',
  });
});

test('the signal of a handler aborts when its partition is revoked', async () => {
  const clock = createFakeClock();
  const revoked = new AbortController();
  const handler = (_: readonly LoggedEvent[], { signal }: { signal: AbortSignal }) =>
    new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
  const failure = failureOf(callHandler(clock, { ...subscription, handler }, [event], revoked.signal));
  revoked.abort();
  expect(await failure).toMatchObject({ message: 'stopped' });
  expect(clock.pending).toBe(0);
});

test('a value that is too large throws RecordRefusedError only when it was published alone', () => {
  const large = { ...event, value: new Uint8Array(1024 * 1024 + 1) };
  expect(() => requireValueSize(large, 1)).toThrow(RecordRefusedError);
  expect(() => requireValueSize(large, 2)).toThrow(
    'a record of the batch is refused: the value has 1048577 bytes; the limit is 1048576',
  );
  expect(() => requireValueSize({ ...event, value: new Uint8Array(1024 * 1024) }, 1)).not.toThrow();
});

test('partitions are added to a new topic, and to one in which nothing is unread', async () => {
  const isUnread = async () => true;
  const isRead = async () => false;
  expect(await needsPartitions('t', 0, 3, isUnread)).toBe(true);
  expect(await needsPartitions('t', 2, 3, isRead)).toBe(true);
  expect(await needsPartitions('t', 3, 3, isUnread)).toBe(false);
  await expect(needsPartitions('t', 2, 3, isUnread)).rejects.toThrow('topic t has 2 partitions, not 3: it has unread');
  await expect(needsPartitions('t', 4, 3, isRead)).rejects.toThrow(
    'topic t has 4 partitions, not 3: partitions cannot',
  );
});
