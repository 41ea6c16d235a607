import { type Clock, sleep } from '../concurrency/index.ts';
import { callHandler, needsPartitions, toRefusal } from './delivery.ts';
import { DEFAULT_MAX_BATCH_EVENTS, retryPauseMs } from './limits.ts';
import { partitionOf } from './partitioner.ts';
import type { EventLog, LoggedEvent, NewEvent, Position, SubscribeOptions, Subscription } from './port.ts';

interface MemoryLogDeps {
  readonly clock: Clock;
  /** Told of each failure of a handler. */
  readonly onError: (error: unknown) => void;
}

interface Group {
  readonly topic: string;
  /** The next offset to handle, by partition. */
  readonly offsets: bigint[];
  /** The member that reads each partition. */
  readonly holders: (Member | undefined)[];
  readonly members: Set<Member>;
}

interface Member {
  readonly options: SubscribeOptions;
  readonly closing: AbortController;
  /** Running handlers, by partition. */
  readonly running: Map<number, Promise<void>>;
}

/**
 * Creates an event log in memory, for tests. It passes the contract suite of the event log, but it is not durable and
 * takes values of any size.
 */
export function createMemoryLog(deps: MemoryLogDeps): EventLog {
  const topics = new Map<string, LoggedEvent[][]>();
  const groups = new Map<string, Group>();

  function groupOf({ topic, group: name }: SubscribeOptions): Group {
    const id = `${name} ${topic}`;
    const group = groups.get(id) ?? { topic, offsets: [], holders: [], members: new Set<Member>() };
    groups.set(id, group);
    return group;
  }

  /** Starts a handler for each partition that has unhandled events and no running handler. */
  function deliver(group: Group): void {
    const partitions = topics.get(group.topic) ?? [];
    assignPartitions(group, partitions.length);
    for (const [partition, member] of group.holders.entries()) {
      if (member === undefined || member.running.has(partition)) continue;
      const first = Number(group.offsets[partition] ?? 0n);
      const count = member.options.maxBatchEvents ?? DEFAULT_MAX_BATCH_EVENTS;
      const events = partitions[partition]?.slice(first, first + count) ?? [];
      if (events.length === 0) continue;
      const handled = handle(deps, group, member, partition, events).finally(() => {
        member.running.delete(partition);
        if (!member.closing.signal.aborted) deliver(group);
      });
      member.running.set(partition, handled);
    }
  }

  return {
    async ensureTopic(topic, partitions) {
      const existing = topics.get(topic) ?? [];
      const readers = [...groups.values()].filter((group) => group.topic === topic);
      const isUnread = () =>
        readers.some(({ offsets }) => existing.some((events, i) => BigInt(events.length) > (offsets[i] ?? 0n))) ||
        (readers.length === 0 && existing.some((events) => events.length > 0));
      if (!(await needsPartitions(topic, existing.length, partitions, isUnread))) return;
      topics.set(
        topic,
        Array.from({ length: partitions }, (_, i) => topics.get(topic)?.[i] ?? []),
      );
    },
    async publish(events) {
      for (const { topic } of events) {
        if (!topics.has(topic)) throw toRefusal(`there is no topic ${topic}`, events.length);
      }
      const positions = events.map((event) => append(topics.get(event.topic) ?? [], event));
      const published = new Set(events.map(({ topic }) => topic));
      for (const group of groups.values()) if (published.has(group.topic)) deliver(group);
      return positions;
    },
    subscribe(options) {
      const group = groupOf(options);
      const member: Member = { options, closing: new AbortController(), running: new Map() };
      group.members.add(member);
      deliver(group);
      return toSubscription(group, member, () => deliver(group));
    },
    async [Symbol.asyncDispose]() {
      for (const { members } of groups.values()) for (const { closing } of members) closing.abort();
    },
  };
}

function append(partitions: readonly LoggedEvent[][], event: NewEvent): Position {
  const partition = partitionOf(event.key, partitions.length);
  const records = partitions[partition] ?? [];
  const offset = BigInt(records.length);
  records.push({ ...event, partition, offset });
  return { partition, offset };
}

/** Divides the partitions among the members. A partition with a running handler stays with its member for now. */
function assignPartitions({ holders, members }: Group, count: number): void {
  const fairShare = Math.ceil(count / Math.max(1, members.size));
  const heldBy = (member: Member) => holders.filter((holder) => holder === member).length;
  for (let partition = 0; partition < count; partition += 1) {
    const holder = holders[partition];
    const isTooMany = holder !== undefined && heldBy(holder) > fairShare;
    if (isTooMany && !holder.running.has(partition)) holders[partition] = undefined;
    const [poorest] = [...members].toSorted((a, b) => heldBy(a) - heldBy(b));
    if (poorest !== undefined && heldBy(poorest) < fairShare) holders[partition] ??= poorest;
  }
}

async function handle(
  { clock, onError }: MemoryLogDeps,
  group: Group,
  { options, closing }: Member,
  partition: number,
  events: readonly LoggedEvent[],
): Promise<void> {
  try {
    await callHandler(clock, options, events, new AbortController().signal);
    group.offsets[partition] = (events.at(-1)?.offset ?? -1n) + 1n;
  } catch (error) {
    onError(error);
    await sleep(
      clock,
      retryPauseMs(1, () => 1),
      closing.signal,
    ).catch(() => {});
  }
}

function toSubscription(group: Group, member: Member, deliver: () => void): Subscription {
  const { holders, members } = group;
  return {
    get partitions() {
      return [...holders.entries()].flatMap(([partition, holder]) => (holder === member ? [partition] : []));
    },
    async [Symbol.asyncDispose]() {
      member.closing.abort();
      await Promise.all(member.running.values());
      members.delete(member);
      for (const [partition, holder] of holders.entries()) {
        if (holder === member) holders[partition] = undefined;
      }
      deliver();
    },
  };
}
