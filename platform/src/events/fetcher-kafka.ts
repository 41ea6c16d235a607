import { Consumer, type KafkaRecord } from '@platformatic/kafka';

import type { Clock } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import { type KafkaPlace, toClientOptions, within } from './client-kafka.ts';
import type { LoggedEvent } from './port.ts';

/** A record with the moment at which its producer made it. */
export interface FetchedEvent extends LoggedEvent {
  readonly momentMs: number;
}

/** Where to read on. */
export interface FetchPoint {
  readonly partition: number;
  readonly offset: bigint;
}

export interface Fetched {
  readonly partition: number;
  readonly events: readonly FetchedEvent[];
  /** The offset that was asked for. */
  readonly from: bigint;
  /** The offset to read on from. */
  readonly nextOffset: bigint;
}

/** The offsets that a partition holds: from `first` on, below `end`. */
export interface Bounds {
  readonly first: bigint;
  readonly end: bigint;
}

/** Reads a topic without belonging to a group: nothing that it does or fails to do touches one. */
export interface KafkaFetcher {
  /** How many partitions there are. Fails while there is no such topic. */
  partitionCount(): Promise<number>;
  bounds(partitions: readonly number[]): Promise<Map<number, Bounds>>;
  /** The points by the broker that leads their partition. */
  byLeader(points: readonly FetchPoint[]): Promise<Map<number, FetchPoint[]>>;
  /** What lies at the points, all of one leader; waits so long when nothing does. One call a leader at a time. */
  fetch(leader: number, points: readonly FetchPoint[], maxWaitMs: number): Promise<Fetched[]>;
  close(): Promise<void>;
}

// A fetch brings at least one batch, however large.
const MAX_FETCH_BYTES = 4 * 1024 * 1024;
const MAX_PARTITION_BYTES = 512 * 1024;
const ANSWER_LIMIT_MS = 15_000;
const CLOSE_LIMIT_MS = 3_000;
const EARLIEST = -2n;
const LATEST = -1n;
type FetchAnswer = Awaited<ReturnType<Consumer['fetch']>>['responses'][number]['partitions'][number];

const IS_CONTROL = 0b10_0000;
const UNKNOWN_EPOCH = -1;

/**
 * A client of its own for fetches: a broker answers the requests of one connection one after another, and a fetch that
 * waits for records would hold up heartbeats and commits.
 */
export function openFetcher(clock: Clock, place: KafkaPlace, topic: string): KafkaFetcher {
  const consumer = new Consumer({ ...toClientOptions(place), groupId: `${place.clientId}-fetch`, autocommit: false });
  consumer.topics.track(topic);

  async function metadata() {
    const known = await within(clock, ANSWER_LIMIT_MS, 'asking for a topic', consumer.metadata({ topics: [topic] }));
    const found = known.topics.get(topic);
    if (found === undefined) throw new AppError('unavailable', `Kafka: there is no topic ${topic}`);
    return found;
  }

  const offsetsAt = (timestamp: bigint, partitions: readonly number[]) =>
    within(
      clock,
      ANSWER_LIMIT_MS,
      'asking for offsets',
      consumer.listOffsets({ topics: [topic], partitions: { [topic]: [...partitions] }, timestamp }),
    );

  return {
    partitionCount: async () => (await metadata()).partitionsCount,
    async bounds(partitions) {
      if (partitions.length === 0) return new Map();
      const [firsts, ends] = await Promise.all([offsetsAt(EARLIEST, partitions), offsetsAt(LATEST, partitions)]);
      return new Map(
        partitions.map((partition) => [
          partition,
          { first: firsts.get(topic)?.[partition] ?? 0n, end: ends.get(topic)?.[partition] ?? 0n },
        ]),
      );
    },
    async byLeader(points) {
      const { partitions } = await metadata();
      return Map.groupBy(points, ({ partition }) => partitions[partition]?.leader ?? UNKNOWN_EPOCH);
    },
    async fetch(leader, points, maxWaitMs) {
      const { id: topicId } = await metadata();
      const wanted = points.map(({ partition, offset }) => ({
        partition,
        fetchOffset: offset,
        currentLeaderEpoch: UNKNOWN_EPOCH,
        lastFetchedEpoch: UNKNOWN_EPOCH,
        partitionMaxBytes: MAX_PARTITION_BYTES,
      }));
      const asked = consumer.fetch({
        node: leader,
        topics: [{ topicId, partitions: wanted }],
        maxWaitTime: maxWaitMs,
        minBytes: 1,
        maxBytes: MAX_FETCH_BYTES,
      });
      const { responses } = await within(clock, ANSWER_LIMIT_MS, 'a fetch', asked);
      const from = new Map(points.map(({ partition, offset }) => [partition, offset]));
      return responses.flatMap(({ partitions }) =>
        partitions.flatMap((answer) => {
          const offset = from.get(answer.partitionIndex);
          // A broker may go on with a partition that was asked for before.
          return offset === undefined ? [] : [toFetched(topic, answer, offset)];
        }),
      );
    },
    async close() {
      await within(clock, CLOSE_LIMIT_MS, 'closing a reader', consumer.close(true)).catch(() => {});
    },
  };
}

function toFetched(topic: string, { partitionIndex: partition, records }: FetchAnswer, from: bigint): Fetched {
  const events: FetchedEvent[] = [];
  let nextOffset = from;
  for (const batch of records ?? []) {
    nextOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    // A transaction's marker takes an offset and is no event.
    if ((batch.attributes & IS_CONTROL) !== 0) continue;
    for (const record of batch.records) {
      const offset = batch.firstOffset + BigInt(record.offsetDelta);
      // A batch is sent whole, also when it was read in part.
      if (offset < from) continue;
      const momentMs = Number(batch.firstTimestamp + record.timestampDelta);
      events.push({ ...toEvent(topic, record), partition, offset, momentMs });
    }
  }
  return { partition, events, from, nextOffset };
}

function toEvent(topic: string, { key, value, headers }: KafkaRecord) {
  return {
    topic,
    key: key?.toString('utf8') ?? '',
    value: new Uint8Array(value ?? []),
    headers: Object.fromEntries(headers.map(([name, text]) => [String(name ?? ''), text?.toString('utf8') ?? ''])),
  };
}
