import { Consumer } from '@platformatic/kafka';

import { type Clock, sleep, startAge } from '../concurrency/index.ts';
import { type KafkaPlace, toClientOptions, within } from './client-kafka.ts';

export interface MembershipLimits {
  /** After so long without a heartbeat the brokers give a member's partitions to others. */
  readonly sessionMs: number;
  readonly heartbeatMs: number;
  /** How old the last answered heartbeat may be, counted from its question, for the partitions to count as ours. */
  readonly maxHeartbeatAgeMs: number;
  /** Longest wait for an answer about offsets. */
  readonly answerLimitMs: number;
}

export interface MembershipOptions {
  readonly place: KafkaPlace;
  readonly topic: string;
  readonly group: string;
  /** Unique among the group's members, and the same after a restart: then nobody waits for the old session's end. */
  readonly instance: string;
}

export interface MembershipEvents {
  /** The group has shared its partitions out anew; these are ours. */
  readonly onShare: (partitions: readonly number[]) => void;
  /** The group is about to share out anew. What is held is ours until this resolves. */
  readonly onHandover: () => Promise<void>;
  /** It cannot be trusted any more: replace it. */
  readonly onDoubt: (error: unknown) => void;
}

/** A place in a consumer group. It cannot be mended: in doubt it is closed, and another one is opened. */
export interface Membership {
  join(): Promise<void>;
  /** Whether the partitions are surely still ours: a process that was paused for long finds them given away. */
  isSure(): boolean;
  /** Whether the group has not answered for longer than a member may be unsure. */
  isLost(): boolean;
  /** Next offsets to read, by partition. One at a time. */
  commit(offsets: ReadonlyMap<number, bigint>, limitMs?: number): Promise<void>;
  /** What the group has committed, by partition; nothing for one that it never read. */
  committed(partitions: readonly number[]): Promise<Map<number, bigint>>;
  /** False when it did not end in time: then it may rejoin by itself, and hold partitions that nobody reads. */
  close(limitMs: number): Promise<boolean>;
}

// The client's own retries within a join.
const JOIN_ANSWERS = 3;
const CLOSE_PAUSE_MS = 200;

/** Opens a place in a group; `join` takes it. */
export function openMembership(
  clock: Clock,
  limits: MembershipLimits,
  { place, topic, group, instance }: MembershipOptions,
  on: MembershipEvents,
): Membership {
  const { sessionMs, heartbeatMs, answerLimitMs } = limits;
  let asked = () => Number.POSITIVE_INFINITY;
  let sure = asked;
  let answered = startAge(clock);
  const consumer = new Consumer({
    ...toClientOptions(place),
    groupId: group,
    groupInstanceId: instance,
    sessionTimeout: sessionMs,
    rebalanceTimeout: sessionMs,
    heartbeatInterval: heartbeatMs,
    heartbeatStallTimeout: sessionMs,
    autocommit: false,
    // The client has no listener for what is taken away. It asks for this text before each join, and waits for it.
    protocolsMetadata: async () => {
      await on.onHandover();
      asked = startAge(clock);
      return Buffer.alloc(0);
    },
  });
  consumer.topics.track(topic);
  consumer.on('consumer:heartbeat:start', () => {
    asked = startAge(clock);
  });
  const onAnswer = () => {
    sure = asked;
    answered = startAge(clock);
  };
  consumer.on('consumer:heartbeat:end', onAnswer);
  consumer.on('consumer:group:join', ({ assignments }) => {
    onAnswer();
    on.onShare(assignments?.find((assignment) => assignment.topic === topic)?.partitions ?? []);
  });
  consumer.on('consumer:heartbeat:stalled', () => on.onDoubt(new Error(`group ${group}: heartbeats go unanswered`)));
  // A rejoin that failed; without a listener it would end the process.
  (consumer as unknown as NodeJS.EventEmitter).on('error', on.onDoubt);

  return {
    async join() {
      await within(clock, JOIN_ANSWERS * sessionMs, `joining group ${group}`, consumer.joinGroup({}));
    },
    isSure: () => sure() <= limits.maxHeartbeatAgeMs,
    // Not the same: a join may be answered late, because it waited for a member that is dead.
    isLost: () => answered() > limits.maxHeartbeatAgeMs,
    async commit(offsets, limitMs = answerLimitMs) {
      const rows = [...offsets].map(([partition, offset]) => ({ topic, partition, offset, leaderEpoch: -1 }));
      await within(clock, limitMs, 'a commit', consumer.commit({ offsets: rows }));
    },
    async committed(partitions) {
      if (partitions.length === 0) return new Map();
      const asked = consumer.listCommittedOffsets({ topics: [{ topic, partitions: [...partitions] }] });
      const offsets = (await within(clock, answerLimitMs, 'asking for committed offsets', asked)).get(topic) ?? [];
      const known = partitions.flatMap((partition): [number, bigint][] => {
        const offset = offsets[partition] ?? -1n;
        return offset < 0n ? [] : [[partition, offset]];
      });
      return new Map(known);
    },
    async close(limitMs) {
      const tried = startAge(clock);
      // A coordinator that has just moved refuses at first.
      while (tried() < limitMs) {
        try {
          await within(clock, limitMs - tried(), 'leaving a group', consumer.close(true));
          return true;
        } catch {
          await sleep(clock, CLOSE_PAUSE_MS);
        }
      }
      return false;
    },
  };
}
