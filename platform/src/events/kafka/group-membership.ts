import { Consumer } from '@platformatic/kafka';

import { type Clock, sleep, startAge } from '../../concurrency/index.ts';
import { type KafkaConnection, toClientOptions, withTimeout } from './client.ts';
import type { KafkaLimits } from './limits.ts';
import type { PartitionOffset } from './topic-client.ts';

interface GroupMembershipOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly group: string;
  /**
   * Static member id (`group.instance.id`), unique in the group and the same after a restart. So a restarted member
   * takes its old place at once, without waiting until its old session is over.
   */
  readonly instance: string;
}

/** What the group tells its member. */
interface GroupListener {
  /** A rebalance begins. The member keeps its partitions until the promise resolves, and holds none after it. */
  onRevoke(): Promise<void>;
  /** The rebalance has ended, and these partitions are assigned to the member. */
  onAssign(partitions: readonly number[]): void;
  /** The membership has failed. It does not recover: leave, and open another one. */
  onFailure(error: unknown): void;
}

/** The membership of a consumer group: heartbeats, rebalances and committed offsets. */
export interface GroupMembership {
  /** Joins the group. The listener is called from now on, until `leave` succeeds. */
  join(listener: GroupListener): Promise<void>;
  /**
   * Returns whether the assigned partitions certainly still belong to this member. A process that was paused for longer
   * than its session is a zombie: it believes in its assignment, but other members have its partitions.
   */
  isCurrent(): boolean;
  /** Returns whether the group has not answered for too long, so that the membership should be replaced. */
  isSilent(): boolean;
  /** Commits the next offset to read of each partition. */
  commit(offsets: readonly PartitionOffset[], limitMs: number): Promise<void>;
  /** Returns the offsets that the group has committed. A partition that it never read is missing. */
  committed(partitions: readonly number[]): Promise<Map<number, bigint>>;
  /**
   * Leaves the group, and returns whether that succeeded in time. If it did not, the client may still rejoin on its own
   * and get partitions that nobody reads.
   */
  leave(limitMs: number): Promise<boolean>;
}

type MembershipLimits = Pick<KafkaLimits, 'sessionMs' | 'heartbeatMs' | 'maxHeartbeatAgeMs' | 'answerLimitMs'>;

// A join consists of up to this many requests. The group may take as long as a session to answer each of them.
const JOIN_REQUESTS = 3;
const LEAVE_RETRY_PAUSE_MS = 200;

/**
 * Creates a membership. It uses the Consumer of the client for the group protocol only, and not for its stream, which
 * is not safe: the stream has no event for revoked partitions, still delivers their messages, and its commits hang for
 * ever after a broker's outage.
 */
export function createGroupMembership(
  clock: Clock,
  limits: MembershipLimits,
  options: GroupMembershipOptions,
): GroupMembership {
  const { topic, group } = options;
  let listener: GroupListener | undefined;
  /** Age of the last request, answered or not. */
  let requestAge = () => Number.POSITIVE_INFINITY;
  /** Age of the last request that the group answered, counted from when the request was sent. */
  let answeredRequestAge = requestAge;
  /** Age of the last answer. */
  let answerAge = startAge(clock);

  function noteRequest(): void {
    requestAge = startAge(clock);
  }
  function noteAnswer(): void {
    answeredRequestAge = requestAge;
    answerAge = startAge(clock);
  }

  const consumer = createConsumer(limits, options, async () => {
    await listener?.onRevoke();
    noteRequest();
  });
  consumer.on('consumer:heartbeat:start', noteRequest);
  consumer.on('consumer:heartbeat:end', noteAnswer);
  consumer.on('consumer:group:join', ({ assignments }) => {
    noteAnswer();
    listener?.onAssign(assignments?.find((assignment) => assignment.topic === topic)?.partitions ?? []);
  });
  consumer.on('consumer:heartbeat:stalled', () => {
    listener?.onFailure(new Error(`group ${group} does not answer heartbeats`));
  });
  // The client emits this when a rejoin fails. Without a listener it would end the process.
  (consumer as unknown as NodeJS.EventEmitter).on('error', (error) => listener?.onFailure(error));

  return {
    async join(newListener) {
      listener = newListener;
      await withTimeout(clock, JOIN_REQUESTS * limits.sessionMs, `joining group ${group}`, consumer.joinGroup({}));
    },
    isCurrent: () => answeredRequestAge() <= limits.maxHeartbeatAgeMs,
    // The group answers a join late while it waits for a dead member. The membership is then not current, because the
    // request was sent long ago, but it is not silent either: an answer came. The next heartbeat makes it current.
    isSilent: () => answerAge() > limits.maxHeartbeatAgeMs,
    async commit(offsets, limitMs) {
      const rows = offsets.map(({ partition, offset }) => ({ topic, partition, offset, leaderEpoch: -1 }));
      await withTimeout(clock, limitMs, 'a commit', consumer.commit({ offsets: rows }));
    },
    async committed(partitions) {
      if (partitions.length === 0) return new Map();
      const answer = consumer.listCommittedOffsets({ topics: [{ topic, partitions: [...partitions] }] });
      const found = await withTimeout(clock, limits.answerLimitMs, `the offset request for group ${group}`, answer);
      const offsets = partitions.map((partition) => [partition, found.get(topic)?.[partition] ?? -1n] as const);
      return new Map(offsets.filter(([, offset]) => offset >= 0n));
    },
    leave: (limitMs) => leaveGroup(clock, consumer, limitMs),
  };
}

function createConsumer(
  { sessionMs, heartbeatMs }: MembershipLimits,
  { connection, group, topic, instance }: GroupMembershipOptions,
  beforeJoin: () => Promise<void>,
): Consumer {
  const consumer = new Consumer({
    ...toClientOptions(connection),
    groupId: group,
    groupInstanceId: instance,
    sessionTimeout: sessionMs,
    rebalanceTimeout: sessionMs,
    heartbeatInterval: heartbeatMs,
    heartbeatStallTimeout: sessionMs,
    autocommit: false,
    // The client calls this function before each join and waits for its result. Nothing else tells the member to give
    // up its partitions before it joins again.
    protocolsMetadata: async () => {
      await beforeJoin();
      return Buffer.alloc(0);
    },
  });
  consumer.topics.track(topic);
  return consumer;
}

async function leaveGroup(clock: Clock, consumer: Consumer, limitMs: number): Promise<boolean> {
  const triedMs = startAge(clock);
  // While the group's coordinator moves to another broker, an attempt may be refused.
  while (triedMs() < limitMs) {
    try {
      await withTimeout(clock, limitMs - triedMs(), 'leaving a group', consumer.close(true));
      return true;
    } catch {
      await sleep(clock, LEAVE_RETRY_PAUSE_MS);
    }
  }
  return false;
}
