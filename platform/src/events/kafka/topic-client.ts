import { Consumer, type KafkaRecord } from '@platformatic/kafka';

import type { Clock } from '../../concurrency/index.ts';
import { AppError } from '../../errors/index.ts';
import type { LoggedEvent } from '../port.ts';
import { type KafkaConnection, toClientOptions, withTimeout } from './client.ts';

export interface FetchedEvent extends LoggedEvent {
  /** When the producer created the record, in milliseconds since the epoch. */
  readonly momentMs: number;
}

export interface PartitionOffset {
  readonly partition: number;
  readonly offset: bigint;
}

/** The offsets that a partition holds: from `first`, up to but not including `end`. */
export interface OffsetRange {
  readonly first: bigint;
  readonly end: bigint;
}

/** The answer to a fetch, for one partition. */
export interface FetchedRecords {
  readonly partition: number;
  /** The offset that was asked for. */
  readonly fetchOffset: bigint;
  readonly events: readonly FetchedEvent[];
  /** The offset to fetch next. */
  readonly nextOffset: bigint;
}

/** Reads one topic without joining a group, so it cannot disturb any. A request that hangs fails after 15 s. */
export interface TopicClient {
  /** Returns the number of partitions. Throws when the topic does not exist. */
  partitionCount(): Promise<number>;
  /** Returns the offsets that each of these partitions holds now. */
  offsetRanges(partitions: readonly number[]): Promise<Map<number, OffsetRange>>;
  /** Groups offsets by the broker that leads their partition. */
  groupByLeader<T extends PartitionOffset>(offsets: readonly T[]): Promise<Map<number, T[]>>;
  /**
   * Fetches records from one leader: up to 512 KiB of each partition and 4 MiB in all, but at least one batch. When
   * there are none, the broker waits up to `maxWaitMs` for some. Each leader may have only one fetch in flight.
   */
  fetch(leader: number, offsets: readonly PartitionOffset[], maxWaitMs: number): Promise<FetchedRecords[]>;
  close(): Promise<void>;
}

const MAX_FETCH_BYTES = 4 * 1024 * 1024;
const MAX_PARTITION_BYTES = 512 * 1024;
const ANSWER_LIMIT_MS = 15_000;
const CLOSE_LIMIT_MS = 3_000;
const EARLIEST = -2n;
const LATEST = -1n;
const UNKNOWN_EPOCH = -1;
const NO_LEADER = -1;
const IS_CONTROL = 0b10_0000;

/**
 * Opens a client that has its own connection to each broker. A broker answers the requests of one connection in order,
 * so on a shared connection, a fetch that waits for records would delay the heartbeats and commits of a group.
 */
export function openTopicClient(clock: Clock, connection: KafkaConnection, topic: string): TopicClient {
  const groupId = `${connection.clientId}-fetch`;
  const consumer = new Consumer({ ...toClientOptions(connection), groupId, autocommit: false });
  consumer.topics.track(topic);

  async function metadata() {
    const answer = consumer.metadata({ topics: [topic] });
    const { topics } = await withTimeout(clock, ANSWER_LIMIT_MS, `the metadata request for topic ${topic}`, answer);
    const found = topics.get(topic);
    if (found === undefined) throw new AppError('unavailable', `Kafka: there is no topic ${topic}`);
    return found;
  }

  async function offsetsAt(timestamp: bigint, partitions: readonly number[]): Promise<readonly bigint[]> {
    const answer = consumer.listOffsets({ topics: [topic], partitions: { [topic]: [...partitions] }, timestamp });
    const offsets = await withTimeout(clock, ANSWER_LIMIT_MS, `the offset request for topic ${topic}`, answer);
    return offsets.get(topic) ?? [];
  }

  return {
    partitionCount: async () => (await metadata()).partitionsCount,
    async offsetRanges(partitions) {
      if (partitions.length === 0) return new Map();
      const [firsts, ends] = await Promise.all([offsetsAt(EARLIEST, partitions), offsetsAt(LATEST, partitions)]);
      return new Map(partitions.map((number) => [number, { first: firsts[number] ?? 0n, end: ends[number] ?? 0n }]));
    },
    async groupByLeader(offsets) {
      const { partitions } = await metadata();
      return Map.groupBy(offsets, ({ partition }) => partitions[partition]?.leader ?? NO_LEADER);
    },
    async fetch(leader, offsets, maxWaitMs) {
      const { id: topicId } = await metadata();
      const partitions = offsets.map(({ partition, offset }) => ({
        partition,
        fetchOffset: offset,
        currentLeaderEpoch: UNKNOWN_EPOCH,
        lastFetchedEpoch: UNKNOWN_EPOCH,
        partitionMaxBytes: MAX_PARTITION_BYTES,
      }));
      const answer = consumer.fetch({
        node: leader,
        topics: [{ topicId, partitions }],
        maxWaitTime: maxWaitMs,
        minBytes: 1,
        maxBytes: MAX_FETCH_BYTES,
      });
      const { responses } = await withTimeout(clock, ANSWER_LIMIT_MS, `a fetch from topic ${topic}`, answer);
      const fetchOffsets = new Map(offsets.map(({ partition, offset }) => [partition, offset]));
      return responses.flatMap((response) =>
        response.partitions.flatMap((records) => {
          const fetchOffset = fetchOffsets.get(records.partitionIndex);
          // A broker may answer for partitions of an earlier request too.
          return fetchOffset === undefined ? [] : [toFetchedRecords(topic, records, fetchOffset)];
        }),
      );
    },
    async close() {
      await withTimeout(clock, CLOSE_LIMIT_MS, 'closing a client', consumer.close(true)).catch(() => {});
    },
  };
}

type PartitionRecords = Awaited<ReturnType<Consumer['fetch']>>['responses'][number]['partitions'][number];

function toFetchedRecords(
  topic: string,
  { partitionIndex: partition, records }: PartitionRecords,
  fetchOffset: bigint,
): FetchedRecords {
  const events: FetchedEvent[] = [];
  let nextOffset = fetchOffset;
  for (const batch of records ?? []) {
    nextOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    // The marker that ends a transaction takes an offset, but is not an event.
    if ((batch.attributes & IS_CONTROL) !== 0) continue;
    for (const record of batch.records) {
      const offset = batch.firstOffset + BigInt(record.offsetDelta);
      // Brokers send whole batches, so the first one may begin before the offset that was asked for.
      if (offset < fetchOffset) continue;
      const momentMs = Number(batch.firstTimestamp + record.timestampDelta);
      events.push({ ...toEvent(topic, record), partition, offset, momentMs });
    }
  }
  return { partition, fetchOffset, events, nextOffset };
}

function toEvent(topic: string, { key, value, headers }: KafkaRecord) {
  return {
    topic,
    key: key?.toString('utf8') ?? '',
    value: new Uint8Array(value ?? []),
    headers: Object.fromEntries(headers.map(([name, text]) => [String(name ?? ''), text?.toString('utf8') ?? ''])),
  };
}
