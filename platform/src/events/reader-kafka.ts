import { Admin } from '@platformatic/kafka';

import type { Clock } from '../concurrency/index.ts';
import { type KafkaPlace, toClientOptions, toUnavailable, within } from './client-kafka.ts';
import { type Bounds, type FetchedEvent, openFetcher } from './fetcher-kafka.ts';

/** Looks at a topic from outside: joins no group and commits nothing. Fails with `unavailable`. */
export interface KafkaReader extends AsyncDisposable {
  /** What each partition holds now. Fails while there is no such topic. */
  bounds(): Promise<Map<number, Bounds>>;
  /** The id of the broker that leads each partition. */
  leaders(): Promise<Map<number, number>>;
  /** What a group has committed, by partition; nothing for one that it never read. */
  committed(group: string): Promise<Map<number, bigint>>;
  /** The events of a partition from an offset on, below another one, a part at a time. */
  read(partition: number, from: bigint, below: bigint): AsyncGenerator<readonly FetchedEvent[]>;
}

const ANSWER_LIMIT_MS = 15_000;
const FETCH_WAIT_MS = 500;

export function openKafkaReader(clock: Clock, place: KafkaPlace, topic: string): KafkaReader {
  const fetcher = openFetcher(clock, place, topic);
  const admin = new Admin(toClientOptions(place));

  async function partitions(): Promise<number[]> {
    try {
      return Array.from({ length: await fetcher.partitionCount() }, (_, partition) => partition);
    } catch (error) {
      throw toUnavailable(`asking for topic ${topic}`, error);
    }
  }

  return {
    bounds: async () => await fetcher.bounds(await partitions()),
    async leaders() {
      const points = (await partitions()).map((partition) => ({ partition, offset: 0n }));
      const led = await fetcher.byLeader(points);
      return new Map([...led].flatMap(([leader, some]) => some.map(({ partition }) => [partition, leader] as const)));
    },
    async committed(group) {
      const asked = [{ groupId: group, topics: [{ name: topic, partitionIndexes: await partitions() }] }];
      const answer = await within(
        clock,
        ANSWER_LIMIT_MS,
        'asking for committed offsets',
        admin.listConsumerGroupOffsets({ groups: asked }),
      );
      const rows = answer.flatMap(({ topics }) => topics.flatMap((one) => one.partitions));
      const known = rows.filter(({ committedOffset }) => committedOffset >= 0n);
      return new Map(known.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]));
    },
    async *read(partition, from, below) {
      for (let offset = from; offset < below;) {
        const [[leader, points] = [-1, []]] = await fetcher.byLeader([{ partition, offset }]);
        const [fetched] = await fetcher.fetch(leader, points, FETCH_WAIT_MS);
        if (fetched === undefined || fetched.nextOffset <= offset) {
          throw toUnavailable(`reading partition ${partition}`, new Error(`nothing came from offset ${offset} on`));
        }
        yield fetched.events.filter((event) => event.offset < below);
        offset = fetched.nextOffset;
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([fetcher.close(), admin.close().catch(() => {})]);
    },
  };
}
