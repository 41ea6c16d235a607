import { Producer, findErrorBy } from '@platformatic/kafka';

import type { Clock } from '../../concurrency/index.ts';
import { AppError } from '../../errors/index.ts';
import { requireValueSize, toRefusal } from '../delivery.ts';
import { partitionOf } from '../partitioner.ts';
import type { NewEvent, Position } from '../port.ts';
import { type KafkaConnection, hasErrorId, toClientOptions, toUnavailable, withTimeout } from './client.ts';

interface KafkaProducerDeps {
  readonly clock: Clock;
  readonly connection: KafkaConnection;
  /**
   * Returns whether this process has seen that the topic exists. When a broker does not know such a topic, the broker
   * has not heard of it yet, or the topic was deleted. In both cases the record is not at fault.
   */
  readonly isKnownTopic: (topic: string) => boolean;
}

interface KafkaProducer extends AsyncDisposable {
  publish(events: readonly NewEvent[]): Promise<readonly Position[]>;
  /** Forgets the known partition counts, because partitions were added. */
  forgetTopics(): void;
}

type Client = Pick<Producer<string, Buffer, string, string>, 'metadata' | 'send' | 'clearMetadata' | 'close'>;

const SEND_LIMIT_MS = 15_000;
const CLOSE_LIMIT_MS = 3_000;
const MAX_WAITING_SENDS = 1_000;
// With fewer than 2, an idempotent producer of this client retries without end, for example when the topic is missing.
const SEND_RETRIES = 5;
/** Errors of the protocol that are the fault of a record. Every broker would return them at any time. */
const RECORD_FAULTS = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TOPIC_EXCEPTION'];

/**
 * Opens an idempotent producer that waits for all in-sync replicas. It has one send in flight at a time: with eight,
 * the death of a leader left 10 duplicates in the measured run, with one it left none. When 1,000 calls of `publish`
 * have not ended, the next one throws `resource-exhausted`.
 */
export function openProducer(deps: KafkaProducerDeps, createClient = createProducer): KafkaProducer {
  const { clock, connection } = deps;
  let client: Client = createClient(connection);
  let waitingSends = 0;
  let lastSend: Promise<unknown> = Promise.resolve();

  async function send(events: readonly NewEvent[]): Promise<readonly Position[]> {
    for (const event of events) requireValueSize(event, events.length);
    try {
      return await withTimeout(clock, SEND_LIMIT_MS, 'a send', sendBatch(client, events));
    } catch (error) {
      const fault = faultOf(error, events, deps.isKnownTopic);
      if (fault !== undefined) throw toRefusal(fault, events.length, error);
      // An AppError means that the time limit has passed. The send may still be in flight, and a later send of the same
      // client could overtake it, so the client is replaced. A client that reports an error has nothing in flight.
      if (error instanceof AppError) await replaceClient();
      throw toUnavailable('a send', error);
    }
  }

  async function replaceClient(): Promise<void> {
    const old = client;
    client = createClient(connection);
    await withTimeout(clock, CLOSE_LIMIT_MS, 'closing a producer', old.close(true)).catch(() => {});
  }

  return {
    async publish(events) {
      if (events.length === 0) return [];
      if (waitingSends >= MAX_WAITING_SENDS) {
        throw new AppError('resource-exhausted', `Kafka: ${MAX_WAITING_SENDS} sends are waiting already`);
      }
      waitingSends += 1;
      const turn = lastSend.then(() => send(events)).finally(() => (waitingSends -= 1));
      lastSend = turn.catch(() => {});
      return await turn;
    },
    forgetTopics: () => client.clearMetadata(),
    async [Symbol.asyncDispose]() {
      await lastSend;
      await withTimeout(clock, CLOSE_LIMIT_MS, 'closing a producer', client.close(true)).catch(() => {});
    },
  };
}

function createProducer(connection: KafkaConnection): Client {
  const toBytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text));
  return new Producer<string, Buffer, string, string>({
    ...toClientOptions(connection),
    retries: SEND_RETRIES,
    idempotent: true,
    // These values ask the broker for a new producer id. With others it may return one that is in use.
    producerId: -1n,
    producerEpoch: -1,
    serializers: { key: toBytes, value: (value) => value, headerKey: toBytes, headerValue: toBytes },
  });
}

async function sendBatch(client: Client, events: readonly NewEvent[]): Promise<readonly Position[]> {
  const topics = [...new Set(events.map(({ topic }) => topic))];
  const metadata = await client.metadata({ topics });
  // The partitions are chosen here and not by the client, so that the offsets in the answer can be matched to events.
  const partitions = events.map(({ topic, key }) => partitionOf(key, metadata.topics.get(topic)?.partitionsCount ?? 1));
  const { offsets = [] } = await client.send({
    messages: events.map(({ topic, key, value, headers }, i) => ({
      topic,
      key,
      value: Buffer.from(value),
      headers: { ...headers },
      partition: partitions[i] as number,
    })),
  });
  // The answer has the first offset of each partition. The other records of the partition follow without gaps.
  const nextOffsets = new Map(offsets.map(({ topic, partition, offset }) => [`${topic} ${partition}`, offset]));
  return events.map(({ topic }, i) => {
    const partition = partitions[i] as number;
    const id = `${topic} ${partition}`;
    const offset = nextOffsets.get(id);
    if (offset === undefined) {
      throw new AppError('unavailable', `Kafka: a send got no offset for partition ${partition}`);
    }
    nextOffsets.set(id, offset + 1n);
    return { partition, offset };
  });
}

/** Returns what is wrong with the records, or undefined when the error only concerns the state of the cluster. */
function faultOf(
  error: unknown,
  events: readonly NewEvent[],
  isKnownTopic: (topic: string) => boolean,
): string | undefined {
  const id = RECORD_FAULTS.find((fault) => hasErrorId(error, fault));
  if (id !== undefined) return id;
  const missing = events.find(({ topic }) => !isKnownTopic(topic) && isUnknownTopic(error, topic));
  return missing === undefined ? undefined : `there is no topic ${missing.topic}`;
}

function isUnknownTopic(error: unknown, topic: string): boolean {
  return (
    hasErrorId(error, 'UNKNOWN_TOPIC_OR_PARTITION') ||
    // The client replaces the protocol's error by its own, which has only this text.
    (error instanceof Error && findErrorBy(error, 'message', `Unknown topic ${topic}.`) !== null)
  );
}
