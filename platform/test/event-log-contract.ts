import { describe, expect, test } from 'bun:test';

import { waitUntil } from '../src/testing/index.ts';
import { type EventLog, type LoggedEvent, type NewEvent, RecordRefusedError } from '../src/events/index.ts';

/** A log with a way to open more of it, as other processes would. */
export interface LogUnderTest extends AsyncDisposable {
  readonly log: EventLog;
  /** Another process' view of the same log. */
  openAnother(): Promise<EventLog>;
  /** How long a partition may wait for a new holder. */
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

/** What a reader saw, by key. */
function createRecorder() {
  const seen: LoggedEvent[] = [];
  return {
    seen,
    handler: async (events: readonly LoggedEvent[]) => void seen.push(...events),
    of: (key: string) => seen.filter((logged) => logged.key === key).map(numberOf),
    /** Without repeats, in the order of their first coming. */
    firsts: (key: string) => [...new Set(seen.filter((logged) => logged.key === key).map(numberOf))],
  };
}

/** What every event log promises. Runs on memory, PostgreSQL and Kafka. */
export function eventLogContract(name: string, open: () => Promise<LogUnderTest>): void {
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

  async function withLog(work: (under: LogUnderTest) => Promise<void>): Promise<void> {
    await using under = await open();
    await under.log.ensureTopic(TOPIC, PARTITIONS);
    await work(under);
  }

  describe(`the event log on ${name}`, () => {
    test('brings the events of a key in order, from the earliest on, with their bytes and headers', () =>
      withLog(async ({ log }) => {
        const value = new Uint8Array([0, 255, 10, 0]);
        const headers = { ce_id: '7-1', empty: '' };
        await log.publish([{ topic: TOPIC, key: 'binary', value, headers }]);
        await log.publish([{ topic: TOPIC, key: 'binary', value: new Uint8Array(), headers: {} }]);
        await log.publish(upTo(50).map((n) => event(`key ${n % 5}`, n)));
        const recorder = createRecorder();
        await using _ = log.subscribe({ topic: TOPIC, group: 'g', handler: recorder.handler });
        await waitUntil(() => recorder.seen.length === 52, { what: 'all events came' });
        const [binary, empty] = recorder.seen.filter(({ key }) => key === 'binary');
        expect(new Uint8Array(binary?.value ?? [])).toEqual(value);
        expect(binary?.headers).toEqual(headers);
        expect(empty?.value.length).toBe(0);
        for (const k of upTo(5)) expect(recorder.of(`key ${k}`)).toEqual(upTo(50).filter((n) => n % 5 === k));
      }));

    test('tells each event its position: one partition a key, offsets without gaps', () =>
      withLog(async ({ log }) => {
        const keys = upTo(40).map((n) => event(`key ${n % 10}`, n));
        const positions = [...(await log.publish(keys.slice(0, 25))), ...(await log.publish(keys.slice(25)))];
        const partitionsOf = Map.groupBy(upTo(40), (n) => keys[n]?.key);
        for (const ns of partitionsOf.values()) {
          expect(new Set(ns.map((n) => positions[n]?.partition)).size).toBe(1);
        }
        for (const offsets of Map.groupBy(positions, ({ partition }) => partition).values()) {
          expect(offsets.map(({ offset }) => Number(offset))).toEqual(upTo(offsets.length));
        }
      }));

    test(
      'skips nothing for a reader that follows many publishers',
      () =>
        withLog(async ({ log, openAnother }) => {
          const recorder = createRecorder();
          await using _ = log.subscribe({ topic: TOPIC, group: 'g', handler: recorder.handler });
          const others = [log, await openAnother(), await openAnother()];
          await Promise.all(
            upTo(12).map(async (publisher) => {
              for (const n of upTo(40)) {
                await others[publisher % others.length]?.publish(upTo(3).map((i) => event(`p${publisher}`, n * 3 + i)));
              }
            }),
          );
          await waitUntil(() => recorder.seen.length >= 12 * 120, { what: 'all events came' });
          for (const publisher of upTo(12)) expect(recorder.of(`p${publisher}`)).toEqual(upTo(120));
        }),
      30_000,
    );

    test(
      'goes on behind what a group has committed, also after a restart; another group reads everything',
      () =>
        withLog(async ({ log, openAnother }) => {
          await log.publish(upTo(20).map((n) => event('a', n)));
          const first = createRecorder();
          const reader = log.subscribe({ topic: TOPIC, group: 'g', handler: first.handler });
          await waitUntil(() => first.seen.length === 20, { what: 'the first reader is done' });
          await reader[Symbol.asyncDispose]();
          await log.publish(upTo(5).map((n) => event('a', 20 + n)));
          const again = await openAnother();
          const [second, other] = [createRecorder(), createRecorder()];
          await using _ = again.subscribe({ topic: TOPIC, group: 'g', handler: second.handler });
          await using __ = again.subscribe({ topic: TOPIC, group: 'h', handler: other.handler });
          await waitUntil(() => second.seen.length >= 5 && other.seen.length >= 25, { what: 'both read on' });
          expect(second.of('a')).toEqual([20, 21, 22, 23, 24]);
          expect(other.of('a')).toEqual(upTo(25));
        }),
      30_000,
    );

    test(
      'brings events again to a handler that failed, and holds only their partition',
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
            ...upTo(10).map((n) => event('bad', n)),
            ...upTo(30).map((n) => event(`k${n}`, n)),
          ]);
          await waitUntil(() => recorder.firsts('bad').length === 10, { what: 'the bad key came through' });
          await waitUntil(() => new Set(recorder.seen.map(({ key }) => key)).size === 31, { what: 'all came' });
          expect(failures).toBe(3);
          expect(recorder.of('bad')).toEqual(upTo(10));
          const before = recorder.seen.findIndex(({ key }) => key === 'bad');
          const others = recorder.seen
            .slice(0, before)
            .filter(({ partition }) => partition !== positions[0]?.partition);
          expect(others.length).toBeGreaterThan(0);
        }),
      30_000,
    );

    test(
      'shares the partitions among members, each with one holder, when they come and when they go',
      () =>
        withLog(async ({ log, openAnother, takeoverMs }) => {
          const recorder = createRecorder();
          const subscribe = (from: EventLog) => from.subscribe({ topic: TOPIC, group: 'g', handler: recorder.handler });
          const members = [subscribe(log), subscribe(await openAnother()), subscribe(await openAnother())];
          const shares = () => members.map(({ partitions }) => partitions.length).toSorted();
          const all = () => members.flatMap(({ partitions }) => partitions).toSorted();
          await waitUntil(() => shares().join() === '2,2,2' && all().join() === '0,1,2,3,4,5', {
            what: 'three members hold two each',
            timeoutMs: takeoverMs,
          });
          await log.publish(upTo(60).map((n) => event(`k${n % 12}`, n)));
          await members.pop()?.[Symbol.asyncDispose]();
          await waitUntil(() => shares().join() === '3,3' && all().join() === '0,1,2,3,4,5', {
            what: 'two members hold three each',
            timeoutMs: takeoverMs,
          });
          await log.publish(upTo(60).map((n) => event(`k${n % 12}`, 60 + n)));
          await waitUntil(() => new Set(recorder.seen.map(numberOf)).size === 120, { what: 'nothing is unread' });
          for (const k of upTo(12)) expect(recorder.firsts(`k${k}`)).toEqual(upTo(120).filter((n) => n % 12 === k));
          for (const member of members) await member[Symbol.asyncDispose]();
        }),
      60_000,
    );

    test(
      'waits for a slow handler instead of piling events up',
      () =>
        withLog(async ({ log }) => {
          let largest = 0;
          let running = 0;
          const recorder = createRecorder();
          await log.publish(upTo(300).map((n) => event('one key', n)));
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
          await waitUntil(() => recorder.seen.length === 300, { what: 'all came' });
          expect(largest).toBeLessThanOrEqual(50);
          expect(recorder.of('one key')).toEqual(upTo(300));
        }),
      30_000,
    );

    test('a handler that never ends hears of its limit, and the events come again', () =>
      withLog(async ({ log }) => {
        const recorder = createRecorder();
        let heard = 0;
        await using _ = log.subscribe({
          topic: TOPIC,
          group: 'g',
          handlerLimitMs: 200,
          async handler(events, { signal }) {
            if (heard > 0) return await recorder.handler(events);
            await new Promise<never>(() => signal.addEventListener('abort', () => (heard += 1)));
          },
        });
        await log.publish(upTo(3).map((n) => event('one key', n)));
        await waitUntil(() => recorder.seen.length >= 3, { what: 'they came again', timeoutMs: 20_000 });
        expect(heard).toBe(1);
        expect(recorder.of('one key')).toEqual(upTo(3));
      }));

    test('refuses a topic that does not exist, by name', () =>
      withLog(async ({ log }) => {
        const failed = log.publish([{ ...event('a', 1), topic: 'nowhere' }]).catch((error: unknown) => error);
        expect(await failed).toBeInstanceOf(RecordRefusedError);
      }));

    test(
      'making a topic again is fine, at once too; partitions are added only where nothing is unread',
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
          await waitUntil(() => recorder.seen.length > 0, { what: 'it is read' });
          await waitUntil(
            () =>
              log.ensureTopic('twice', 4).then(
                () => true,
                () => false,
              ),
            { what: 'it may grow' },
          );
          await expect(log.ensureTopic('twice', 2)).rejects.toThrow('partitions');
        }),
      30_000,
    );
  });
}
