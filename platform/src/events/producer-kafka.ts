import { Producer, compatibilityPartitioner, findErrorBy } from '@platformatic/kafka';

import type { Clock } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import { type KafkaPlace, hasErrorId, toClientOptions, toUnavailable, within } from './client-kafka.ts';
import { partitionOf } from './partitioner.ts';
import { type NewEvent, type Position, RecordRefusedError } from './port.ts';

export interface KafkaProducerDeps extends KafkaPlace {
  readonly clock: Clock;
  /** A topic that is known to exist is missing for a moment only, on a broker that has not heard of it yet. */
  readonly isKnownTopic: (topic: string) => boolean;
}

export interface KafkaProducer extends AsyncDisposable {
  publish(events: readonly NewEvent[]): Promise<readonly Position[]>;
  /** Partitions were added. */
  forgetTopics(): void;
}

type Client = Pick<Producer<string, Buffer, string, string>, 'metadata' | 'send' | 'clearMetadata' | 'close'>;

const SEND_LIMIT_MS = 15_000;
const CLOSE_LIMIT_MS = 3_000;
const MAX_WAITING_SENDS = 1_000;
const MAX_RECORD_BYTES = 1024 * 1024;
// The client takes two and more at their word; with fewer it would retry without end, also for a missing topic.
const SEND_RETRIES = 5;
/** What a broker says of a record, whoever sends it and whenever. */
const RECORD_FAULTS = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TOPIC_EXCEPTION'];

/**
 * An idempotent producer that waits for all in-sync replicas. One send at a time: with several in flight a leader's death
 * doubled records (10 in the measured run, against none). At most 1,000 callers wait; the next one is refused.
 */
export function openProducer(deps: KafkaProducerDeps, createClient = createProducer): KafkaProducer {
  const { clock } = deps;
  let producer: Client = createClient(deps);
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** Behind a send whose end is unknown nothing is sent by the same producer: it could be overtaken. */
  async function replace(): Promise<void> {
    const old = producer;
    producer = createClient(deps);
    await within(clock, CLOSE_LIMIT_MS, 'closing a producer', old.close(true)).catch(() => {});
  }

  async function send(events: readonly NewEvent[]): Promise<readonly Position[]> {
    for (const event of events) refuseTooLarge(event, events.length);
    try {
      return await within(clock, SEND_LIMIT_MS, 'a send', sendBy(producer, events));
    } catch (error) {
      const fault = faultOf(error, events, deps.isKnownTopic);
      if (fault === undefined) {
        // Ours: the limit passed. After any other failure the client knows that nothing is under way.
        if (error instanceof AppError) await replace();
        throw toUnavailable('a send', error);
      }
      throw events.length === 1
        ? new RecordRefusedError(fault, { cause: error })
        : new AppError('invalid-argument', `a record of the batch: ${fault}`, { cause: error });
    }
  }

  return {
    async publish(events) {
      if (events.length === 0) return [];
      if (waiting >= MAX_WAITING_SENDS) {
        throw new AppError('resource-exhausted', `Kafka: ${MAX_WAITING_SENDS} sends are waiting already`);
      }
      waiting += 1;
      const turn = last.then(() => send(events)).finally(() => (waiting -= 1));
      last = turn.catch(() => {});
      return await turn;
    },
    forgetTopics: () => producer.clearMetadata(),
    async [Symbol.asyncDispose]() {
      await last;
      await within(clock, CLOSE_LIMIT_MS, 'closing a producer', producer.close(true)).catch(() => {});
    },
  };
}

function createProducer(place: KafkaPlace): Client {
  const toBytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text));
  return new Producer<string, Buffer, string, string>({
    ...toClientOptions(place),
    retries: SEND_RETRIES,
    idempotent: true,
    // Any other value asks the broker for an id that somebody has.
    producerId: -1n,
    producerEpoch: -1,
    partitioner: compatibilityPartitioner,
    serializers: { key: toBytes, value: (value) => value, headerKey: toBytes, headerValue: toBytes },
  });
}

async function sendBy(producer: Client, events: readonly NewEvent[]): Promise<readonly Position[]> {
  const topics = [...new Set(events.map(({ topic }) => topic))];
  const metadata = await producer.metadata({ topics });
  // Chosen here, by Kafka's own rule, so that the positions below are those of these partitions.
  const partitions = events.map(({ topic, key }) => partitionOf(key, metadata.topics.get(topic)?.partitionsCount ?? 1));
  const { offsets = [] } = await producer.send({
    messages: events.map(({ topic, key, value, headers }, i) => ({
      topic,
      key,
      value: Buffer.from(value),
      headers: { ...headers },
      partition: partitions[i] as number,
    })),
  });
  // The records of one partition lie one behind another, from the offset that the broker names.
  const next = new Map(offsets.map(({ topic, partition, offset }) => [`${topic} ${partition}`, offset]));
  return events.map(({ topic }, i) => {
    const partition = partitions[i] as number;
    const place = `${topic} ${partition}`;
    const offset = next.get(place);
    if (offset === undefined) throw new AppError('unavailable', `Kafka named no offset for partition ${partition}`);
    next.set(place, offset + 1n);
    return { partition, offset };
  });
}

function refuseTooLarge({ value }: NewEvent, sent: number): void {
  if (value.length <= MAX_RECORD_BYTES) return;
  const fault = `a value of ${value.length} bytes; the log takes ${MAX_RECORD_BYTES} at most`;
  throw sent === 1
    ? new RecordRefusedError(fault)
    : new AppError('invalid-argument', `a record of the batch: ${fault}`);
}

/** What a failure says of the records themselves; undefined when it only says how the cluster is. */
function faultOf(
  error: unknown,
  events: readonly NewEvent[],
  isKnownTopic: (topic: string) => boolean,
): string | undefined {
  const id = RECORD_FAULTS.find((fault) => hasErrorId(error, fault));
  if (id !== undefined) return id;
  const missing = events.find(({ topic }) => !isKnownTopic(topic) && isUnknown(error, topic));
  return missing === undefined ? undefined : `there is no topic ${missing.topic}`;
}

/** The client turns the broker's word into a sentence of its own. */
function isUnknown(error: unknown, topic: string): boolean {
  return (
    hasErrorId(error, 'UNKNOWN_TOPIC_OR_PARTITION') ||
    (error instanceof Error && findErrorBy(error, 'message', `Unknown topic ${topic}.`) !== null)
  );
}
