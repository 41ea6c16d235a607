import { Admin } from '@platformatic/kafka';

import type { Clock } from '../../concurrency/index.ts';
import { type KafkaConnection, toClientOptions, toCommittedOffsets, toUnavailable, withTimeout } from './client.ts';
import { type FetchedEvent, type OffsetRange, openTopicClient } from './topic-client.ts';

/** Reads a topic and the offsets of its groups from outside: it joins no group and commits nothing. */
export interface TopicReader extends AsyncDisposable {
  /** Returns what each partition holds now. Throws `unavailable` when Kafka or the topic is not there. */
  offsetRanges(): Promise<Map<number, OffsetRange>>;
  /** Returns the id of the broker that leads each partition. */
  leaders(): Promise<Map<number, number>>;
  /** Returns the offsets that a group has committed. A partition that it never read is missing. */
  committed(group: string): Promise<Map<number, bigint>>;
  /** Yields the events of a partition from offset `from`, up to but not including `below`, in several parts. */
  read(partition: number, from: bigint, below: bigint): AsyncGenerator<readonly FetchedEvent[]>;
}

const ANSWER_LIMIT_MS = 15_000;
const FETCH_WAIT_MS = 500;

/** Opens a reader of one topic, which has its own connections to the brokers. */
export function openTopicReader(clock: Clock, connection: KafkaConnection, topic: string): TopicReader {
  const client = openTopicClient(clock, connection, topic);
  const admin = new Admin(toClientOptions(connection));

  async function partitions(): Promise<number[]> {
    try {
      return Array.from({ length: await client.partitionCount() }, (_, partition) => partition);
    } catch (error) {
      throw toUnavailable(`the metadata request for topic ${topic}`, error);
    }
  }

  return {
    offsetRanges: async () => await client.offsetRanges(await partitions()),
    async leaders() {
      const offsets = (await partitions()).map((partition) => ({ partition, offset: 0n }));
      const byLeader = await client.groupByLeader(offsets);
      return new Map(
        [...byLeader].flatMap(([leader, led]) => led.map(({ partition }) => [partition, leader] as const)),
      );
    },
    async committed(group) {
      const groups = [{ groupId: group, topics: [{ name: topic, partitionIndexes: await partitions() }] }];
      const answer = admin.listConsumerGroupOffsets({ groups });
      const found = await withTimeout(clock, ANSWER_LIMIT_MS, `the offset request for group ${group}`, answer);
      return new Map(found.flatMap(toCommittedOffsets));
    },
    async *read(partition, from, below) {
      for (let offset = from; offset < below;) {
        const [[leader, offsets] = [-1, []]] = await client.groupByLeader([{ partition, offset }]);
        const [fetched] = await client.fetch(leader, offsets, FETCH_WAIT_MS);
        if (fetched === undefined || fetched.nextOffset <= offset) {
          throw toUnavailable(`reading partition ${partition}`, new Error(`no records came from offset ${offset}`));
        }
        yield fetched.events.filter((event) => event.offset < below);
        offset = fetched.nextOffset;
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([client.close(), admin.close().catch(() => {})]);
    },
  };
}
