import { type Clock, sleep } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import { handOver } from './handling.ts';
import { partitionOf } from './partitioner.ts';
import {
  DEFAULT_MAX_BATCH_EVENTS,
  type EventLog,
  type LoggedEvent,
  RecordRefusedError,
  type SubscribeOptions,
} from './port.ts';

interface Group {
  readonly offsets: bigint[];
  readonly holders: (Reader | undefined)[];
  readonly members: Set<Reader>;
}

interface Reader {
  readonly options: SubscribeOptions;
  readonly closing: AbortController;
  readonly busy: Map<number, Promise<void>>;
}

export interface MemoryLogDeps {
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

const RETRY_PAUSE_MS = 100;

/** The event log in memory, for fast tests and simulations: the same promises, but for durability. */
export function createMemoryLog({ clock, onError }: MemoryLogDeps): EventLog {
  const topics = new Map<string, LoggedEvent[][]>();
  const groups = new Map<string, Group>();

  function groupOf({ topic, group }: SubscribeOptions): Group {
    const name = `${group} ${topic}`;
    const known = groups.get(name) ?? { offsets: [], holders: [], members: new Set<Reader>() };
    groups.set(name, known);
    return known;
  }

  /** Gives every free partition to the member that has fewest, and takes idle ones from who has too many. */
  function share(topic: string, group: Group): void {
    const count = topics.get(topic)?.length ?? 0;
    const fair = Math.ceil(count / Math.max(1, group.members.size));
    for (let partition = 0; partition < count; partition += 1) {
      const held = (reader: Reader) => group.holders.filter((holder) => holder === reader).length;
      const holder = group.holders[partition];
      if (holder !== undefined && held(holder) > fair && !holder.busy.has(partition))
        group.holders[partition] = undefined;
      const poorest = [...group.members].toSorted((a, b) => held(a) - held(b))[0];
      if (poorest !== undefined && held(poorest) < fair) group.holders[partition] ??= poorest;
    }
  }

  function pump(topic: string, group: Group): void {
    share(topic, group);
    for (const [partition, reader] of group.holders.entries()) {
      const from = group.offsets[partition] ?? 0n;
      const waiting = topics.get(topic)?.[partition]?.slice(Number(from)) ?? [];
      if (reader === undefined || reader.busy.has(partition) || waiting.length === 0) continue;
      const events = waiting.slice(0, reader.options.maxBatchEvents ?? DEFAULT_MAX_BATCH_EVENTS);
      const done = handle(group, reader, partition, events).finally(() => {
        reader.busy.delete(partition);
        if (!reader.closing.signal.aborted) pump(topic, group);
      });
      reader.busy.set(partition, done);
    }
  }

  async function handle(
    group: Group,
    reader: Reader,
    partition: number,
    events: readonly LoggedEvent[],
  ): Promise<void> {
    try {
      await handOver(clock, reader.options, events, new AbortController().signal);
      group.offsets[partition] = (events.at(-1)?.offset ?? -1n) + 1n;
    } catch (error) {
      onError(error);
      await sleep(clock, RETRY_PAUSE_MS, reader.closing.signal).catch(() => {});
    }
  }

  const pumpTopic = (topic: string) => {
    for (const [name, group] of groups) if (name.endsWith(` ${topic}`)) pump(topic, group);
  };

  return {
    async ensureTopic(topic, partitions) {
      const existing = topics.get(topic) ?? [];
      const readers = [...groups].filter(([name]) => name.endsWith(` ${topic}`));
      const isUnread =
        readers.some(([, { offsets }]) => existing.some((events, i) => BigInt(events.length) > (offsets[i] ?? 0n))) ||
        (readers.length === 0 && existing.some((events) => events.length > 0));
      if (existing.length > partitions || (existing.length !== 0 && existing.length < partitions && isUnread)) {
        throw new AppError(
          'failed-precondition',
          `topic ${topic} has ${existing.length} partitions, not ${partitions}`,
        );
      }
      topics.set(
        topic,
        Array.from({ length: partitions }, (_, i) => existing[i] ?? []),
      );
    },
    async publish(events) {
      for (const { topic } of events) {
        if (!topics.has(topic)) throw new RecordRefusedError(`there is no topic ${topic}`);
      }
      const positions = events.map((event) => {
        const partitions = topics.get(event.topic) ?? [];
        const partition = partitionOf(event.key, partitions.length);
        const records = partitions[partition] ?? [];
        const offset = BigInt(records.length);
        records.push({ ...event, partition, offset });
        return { partition, offset };
      });
      for (const topic of new Set(events.map(({ topic }) => topic))) pumpTopic(topic);
      return positions;
    },
    subscribe(options) {
      const group = groupOf(options);
      const reader: Reader = { options, closing: new AbortController(), busy: new Map() };
      group.members.add(reader);
      pump(options.topic, group);
      return {
        get partitions() {
          return [...group.holders.entries()].flatMap(([partition, holder]) => (holder === reader ? [partition] : []));
        },
        async [Symbol.asyncDispose]() {
          reader.closing.abort();
          await Promise.all(reader.busy.values());
          group.members.delete(reader);
          for (const [i, holder] of group.holders.entries()) if (holder === reader) group.holders[i] = undefined;
          pump(options.topic, group);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const { members } of groups.values()) {
        for (const reader of members) reader.closing.abort();
      }
    },
  };
}
