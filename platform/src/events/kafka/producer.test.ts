import { expect, test } from 'bun:test';

import { createFakeClock } from '../../testing/index.ts';
import { openProducer } from './producer.ts';

const event = { topic: 't', key: 'k', value: new Uint8Array(), headers: {} };

/** Opens a producer whose clients answer when the test says so. `client` counts the clients that it created. */
function setUp() {
  const clock = createFakeClock();
  const sends: { readonly client: number; answer(offset: number): void; fail(error: Error): void }[] = [];
  let clientCount = 0;
  const producer = openProducer(
    { clock, connection: { brokers: [], clientId: 'test' }, isKnownTopic: () => true },
    () => {
      const client = clientCount;
      clientCount += 1;
      return {
        metadata: async () => ({ topics: new Map([['t', { partitionsCount: 1 }]]) }),
        send: () =>
          new Promise((resolve, reject) => {
            const answer = (offset: number) =>
              resolve({ offsets: [{ topic: 't', partition: 0, offset: BigInt(offset) }] });
            sends.push({ client, answer, fail: reject });
          }),
        clearMetadata: () => {},
        close: async () => {},
      } as never;
    },
  );
  return { clock, producer, sends };
}

test('sends run one at a time, in the order of the calls', async () => {
  const { clock, producer, sends } = setUp();
  const published = [producer.publish([event]), producer.publish([event])];
  await clock.advance(0);
  expect(sends).toHaveLength(1);
  sends[0]?.answer(7);
  await clock.advance(0);
  expect(sends).toHaveLength(2);
  sends[1]?.answer(8);
  expect(await Promise.all(published)).toEqual([[{ partition: 0, offset: 7n }], [{ partition: 0, offset: 8n }]]);
});

test('after a send that was never answered, a new client sends', async () => {
  const { clock, producer, sends } = setUp();
  const published = [producer.publish([event]).catch((error: unknown) => error), producer.publish([event])];
  await clock.advance(14_999);
  expect(sends).toHaveLength(1);
  await clock.advance(1);
  expect(await published[0]).toMatchObject({ kind: 'unavailable' });
  expect(sends.map(({ client }) => client)).toEqual([0, 1]);
  sends[1]?.answer(1);
  expect(await published[1]).toEqual([{ partition: 0, offset: 1n }]);
});

test('after a send that failed, the same client sends, because nothing is in flight', async () => {
  const { clock, producer, sends } = setUp();
  const failed = producer.publish([event]).catch((error: unknown) => error);
  await clock.advance(0);
  sends[0]?.fail(new Error('no leader'));
  expect(await failed).toMatchObject({ kind: 'unavailable' });
  void producer.publish([event]);
  await clock.advance(0);
  expect(sends.map(({ client }) => client)).toEqual([0, 0]);
});

test('with 1,000 waiting sends the next one is refused, until one of them has ended', async () => {
  const { clock, producer, sends } = setUp();
  const waiting = Array.from({ length: 1_000 }, () => producer.publish([event]));
  const refused = producer.publish([event]).then(() => 'sent', String);
  await clock.advance(0);
  sends[0]?.answer(1);
  await waiting[0];
  expect(await Promise.race([refused, 'still waits'])).toContain('1000 sends are waiting already');
  void producer.publish([event]);
  await clock.advance(0);
  expect(sends).toHaveLength(2);
});
