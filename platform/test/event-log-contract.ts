import { describe, expect, test } from 'bun:test';

import { range, waitUntil } from '../src/testing/index.ts';
import { type EventLog, type LoggedEvent, type NewEvent, RecordRefusedError } from '../src/events/index.ts';

/** An event log, with a way to open it again as another process would. */
export interface LogUnderTest extends AsyncDisposable {
  readonly log: EventLog;
  /** Opens the same log as another process would. */
  openAnother(): Promise<EventLog>;
  /** Maximum time until a rebalance is complete. */
  readonly takeoverMs: number;
}

const PARTITIONS = 6;
const TOPIC = 'conformance';

const event = (key: string, n: number): NewEvent => ({
  topic: TOPIC,
  key,
  value: new TextEncoder().encode(String(n)),
  headers: { n: String(n) },
});
const numberOf = ({ value }: LoggedEvent) => Number(new TextDecoder().decode(value));

/** Records what a handler receives. */
function createRecorder() {
  const seen: LoggedEvent[] = [];
  return {
    seen,
    handler: async (events: readonly LoggedEvent[]) => void seen.push(...events),
    /** Returns the numbers of a key in order of delivery, with repetitions. */
    numbersOf: (key: string) => seen.filter((logged) => logged.key === key).map(numberOf),
    /** Returns the numbers of a key in order of their first delivery. */
    firstsOf: (key: string) => [...new Set(seen.filter((logged) => logged.key === key).map(numberOf))],
  };
}

/** Declares tests of what every event log promises. They run on memory, PostgreSQL and Kafka. */
export function eventLogContract(name: string, open: () => Promise<LogUnderTest>): void {
  async function withLog(work: (under: LogUnderTest) => Promise<void>): Promise<void> {
    await using under = await open();
    await under.log.ensureTopic(TOPIC, PARTITIONS);
    await work(under);
  }

  describe(`the event log on ${name}`, () => {
    test('delivers the events of a key in order, from the earliest, with their bytes and headers', () =>
      withLog(async ({ log }) => {
        const value = new Uint8Array([0, 255, 10, 0]);
        const headers = { ce_id: '7-1', empty: '' };
        await log.publish([{ topic: TOPIC, key: 'binary', value, headers }]);
        await log.publish([{ topic: TOPIC, key: 'binary', value: new Uint8Array(), headers: {} }]);
        await log.publish(range(50).map((n) => event(`key ${n % 5}`, n)));
        const recorder = createRecorder();
        await using _ = log.subscribe({ topic: TOPIC, group: 'g', handler: recorder.handler });
        await waitUntil(() => recorder.seen.length === 52, { what: 'all events have arrived' });
        const [binary, empty] = recorder.seen.filter(({ key }) => key === 'binary');
        expect(new Uint8Array(binary?.value ?? [])).toEqual(value);
        expect(binary?.headers).toEqual(headers);
        expect(empty?.value.length).toBe(0);
        for (const k of range(5)) expect(recorder.numbersOf(`key ${k}`)).toEqual(range(50).filter((n) => n % 5 === k));
      }));

    test('returns the position of each event: one partition per key, and offsets without gaps', () =>
      withLog(async ({ log }) => {
        const keys = range(40).map((n) => event(`key ${n % 10}`, n));
        const positions = [...(await log.publish(keys.slice(0, 25))), ...(await log.publish(keys.slice(25)))];
        const partitionsOf = Map.groupBy(range(40), (n) => keys[n]?.key);
        for (const ns of partitionsOf.values()) {
          expect(new Set(ns.map((n) => positions[n]?.partition)).size).toBe(1);
        }
        for (const offsets of Map.groupBy(positions, ({ partition }) => partition).values()) {
          expect(offsets.map(({ offset }) => Number(offset))).toEqual(range(offsets.length));
        }
      }));

    test(
      'skips nothing for a reader while many publishers append',
      () =>
        withLog(async ({ log, openAnother }) => {
          const recorder = createRecorder();
          await using _ = log.subscribe({ topic: TOPIC, group: 'g', handler: recorder.handler });
          const others = [log, await openAnother(), await openAnother()];
          await Promise.all(
            range(12).map(async (publisher) => {
              for (const n of range(40)) {
                await others[publisher % others.length]?.publish(
                  range(3).map((i) => event(`p${publisher}`, n * 3 + i)),
                );
              }
            }),
          );
          await waitUntil(() => recorder.seen.length >= 12 * 120, { what: 'all events have arrived' });
          for (const publisher of range(12)) expect(recorder.numbersOf(`p${publisher}`)).toEqual(range(120));
        }),
      30_000,
    );

    test(
      'continues after the committed offset of a group, also after a restart, and lets another group read everything',
      () =>
        withLog(async ({ log, openAnother }) => {
          await log.publish(range(20).map((n) => event('a', n)));
          const first = createRecorder();
          const reader = log.subscribe({ topic: TOPIC, group: 'g', handler: first.handler });
          await waitUntil(() => first.seen.length === 20, { what: 'the first reader has read all events' });
          await reader[Symbol.asyncDispose]();
          await log.publish(range(5).map((n) => event('a', 20 + n)));
          const again = await openAnother();
          const [second, other] = [createRecorder(), createRecorder()];
          await using _ = again.subscribe({ topic: TOPIC, group: 'g', handler: second.handler });
          await using __ = again.subscribe({ topic: TOPIC, group: 'h', handler: other.handler });
          await waitUntil(() => second.seen.length >= 5 && other.seen.length >= 25, { what: 'both groups have read' });
          expect(second.numbersOf('a')).toEqual([20, 21, 22, 23, 24]);
          expect(other.numbersOf('a')).toEqual(range(25));
        }),
      30_000,
    );

    test(
      'delivers events again to a handler that failed, while other partitions go on',
      () =>
        withLog(async ({ log }) => {
          const recorder = createRecorder();
          let failures = 0;
          await using _ = log.subscribe({
            topic: TOPIC,
            group: 'g',
            maxBatchEvents: 5,
            async handler(events) {
              if (events.some(({ key }) => key === 'bad') && failures < 3) {
                failures += 1;
                throw new Error('not yet');
              }
              await recorder.handler(events);
            },
          });
          const positions = await log.publish([
            ...range(10).map((n) => event('bad', n)),
            ...range(30).map((n) => event(`k${n}`, n)),
          ]);
          await waitUntil(() => recorder.firstsOf('bad').length === 10, {
            what: 'the events of the failing key are handled',
          });
          await waitUntil(() => new Set(recorder.seen.map(({ key }) => key)).size === 31, {
            what: 'all events have arrived',
          });
          expect(failures).toBe(3);
          expect(recorder.numbersOf('bad')).toEqual(range(10));
          const before = recorder.seen.findIndex(({ key }) => key === 'bad');
          const others = recorder.seen
            .slice(0, before)
            .filter(({ partition }) => partition !== positions[0]?.partition);
          expect(others.length).toBeGreaterThan(0);
        }),
      30_000,
    );

    test(
      'divides the partitions among members, one holder each, when members join and leave',
      () =>
        withLog(async ({ log, openAnother, takeoverMs }) => {
          const recorder = createRecorder();
          const subscribe = (from: EventLog) => from.subscribe({ topic: TOPIC, group: 'g', handler: recorder.handler });
          const members = [subscribe(log), subscribe(await openAnother()), subscribe(await openAnother())];
          const counts = () => members.map(({ partitions }) => partitions.length).toSorted();
          const all = () => members.flatMap(({ partitions }) => partitions).toSorted();
          await waitUntil(() => counts().join() === '2,2,2' && all().join() === '0,1,2,3,4,5', {
            what: 'three members hold two partitions each',
            timeoutMs: takeoverMs,
          });
          await log.publish(range(60).map((n) => event(`k${n % 12}`, n)));
          await members.pop()?.[Symbol.asyncDispose]();
          await waitUntil(() => counts().join() === '3,3' && all().join() === '0,1,2,3,4,5', {
            what: 'two members hold three partitions each',
            timeoutMs: takeoverMs,
          });
          await log.publish(range(60).map((n) => event(`k${n % 12}`, 60 + n)));
          await waitUntil(() => new Set(recorder.seen.map(numberOf)).size === 120, { what: 'all events are read' });
          for (const k of range(12)) expect(recorder.firstsOf(`k${k}`)).toEqual(range(120).filter((n) => n % 12 === k));
          for (const member of members) await member[Symbol.asyncDispose]();
        }),
      60_000,
    );

    test(
      'waits for a slow handler, with one call at a time and at most maxBatchEvents events',
      () =>
        withLog(async ({ log }) => {
          let largest = 0;
          let running = 0;
          const recorder = createRecorder();
          await log.publish(range(300).map((n) => event('one key', n)));
          await using _ = log.subscribe({
            topic: TOPIC,
            group: 'g',
            maxBatchEvents: 50,
            async handler(events) {
              running += 1;
              expect(running).toBe(1);
              largest = Math.max(largest, events.length);
              await Bun.sleep(5);
              running -= 1;
              await recorder.handler(events);
            },
          });
          await waitUntil(() => recorder.seen.length === 300, { what: 'all events have arrived' });
          expect(largest).toBeLessThanOrEqual(50);
          expect(recorder.numbersOf('one key')).toEqual(range(300));
        }),
      30_000,
    );

    test('aborts the signal of a handler at its limit, and delivers the events again', () =>
      withLog(async ({ log }) => {
        const recorder = createRecorder();
        let abortCount = 0;
        await using _ = log.subscribe({
          topic: TOPIC,
          group: 'g',
          handlerLimitMs: 200,
          async handler(events, { signal }) {
            if (abortCount > 0) return await recorder.handler(events);
            await new Promise<never>(() => signal.addEventListener('abort', () => (abortCount += 1)));
          },
        });
        await log.publish(range(3).map((n) => event('one key', n)));
        await waitUntil(() => recorder.seen.length >= 3, { what: 'the events are delivered again', timeoutMs: 20_000 });
        expect(abortCount).toBe(1);
        expect(recorder.numbersOf('one key')).toEqual(range(3));
      }));

    test('refuses an event whose topic does not exist', () =>
      withLog(async ({ log }) => {
        const failed = log.publish([{ ...event('a', 1), topic: 'nowhere' }]).catch((error: unknown) => error);
        expect(await failed).toBeInstanceOf(RecordRefusedError);
      }));

    test(
      'creates a topic once, even when asked concurrently, and adds partitions only while nothing is unread',
      () =>
        withLog(async ({ log, openAnother }) => {
          const other = await openAnother();
          await Promise.all([log, other, log, other].map((from) => from.ensureTopic('twice', 3)));
          await log.publish([{ ...event('a', 1), topic: 'twice' }]);
          await expect(log.ensureTopic('twice', 4)).rejects.toThrow('partitions');
          const recorder = createRecorder();
          const reader = log.subscribe({
            topic: 'twice',
            group: 'g',
            handler: () => Promise.reject(new Error('never')),
          });
          await Bun.sleep(100);
          await expect(log.ensureTopic('twice', 4)).rejects.toThrow('partitions');
          await reader[Symbol.asyncDispose]();
          await using _ = log.subscribe({ topic: 'twice', group: 'g', handler: recorder.handler });
          await waitUntil(() => recorder.seen.length > 0, { what: 'the event is read' });
          await waitUntil(
            () =>
              log.ensureTopic('twice', 4).then(
                () => true,
                () => false,
              ),
            { what: 'partitions may be added' },
          );
          await expect(log.ensureTopic('twice', 2)).rejects.toThrow('partitions');
        }),
      30_000,
    );
  });
}
