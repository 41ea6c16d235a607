/*
  A subscription to Kafka is one member of a consumer group. Each of its parts uses only the parts below it, apart from
  `offsets`, which works on the membership, the topic client and the assigned partitions of its session:

      subscription                   keeps one session alive after another
      └─ session                     one membership, from joining to leaving; decides what happens when
         ├─ group-membership         the group protocol: heartbeats, rebalances, committed offsets
         ├─ fetch-loop               fetches records into the buffers, with one fetch at a time for each broker
         │  ├─ topic-client          requests that involve no group, on connections of their own
         │  └─ assigned-partitions   the buffer of each partition, and the handlers that empty it
         └─ offsets                  what to commit, where to start, and whether reading makes progress

  A part tells the part above it what has happened by calling a listener. The session gives its listener to `join`, and
  the fetch loop gives one to the assigned partitions, which call it when a buffer has room again.

  Normal operation. The group assigns partitions to the session, which looks up their committed offsets and starts to
  read there. The fetch loop asks each broker for the partitions whose buffers have room. A partition with a full buffer
  is not fetched, which is the backpressure. Each partition has at most one handler running, on up to
  `maxBatchEvents` events. When the handler succeeds, the partition's handled offset advances, and every 200 ms the
  session commits the handled offsets. When the handler fails, its events stay at the head of the buffer and are handled
  again after a pause, which grows up to 5 s. So a commit never covers an event that was not handled.

  Rebalance. When members come or go, the group asks all members to join again. The session first lets go of its
  partitions: it starts no more handlers, waits up to 2.5 s for running ones, aborts the signals of the rest, commits,
  and clears its buffers. Only then does the client rejoin. The next assignment starts from the committed offsets again.

  Fencing. A process may be paused for longer than its session of 6 s. Others then have its partitions, but it still
  believes in its assignment, and Kafka does not check that a member commits its own partitions only. So no handler
  starts and nothing is committed unless the group has answered a heartbeat that was sent within the last 5 s. The age
  of a heartbeat counts from its request, on both the wall clock and the monotonic clock, so that neither a pause nor a
  changed clock makes it look younger. A commit that was about to be sent when the process was paused can still set an
  offset back; the check every 3 s notices it, and the next commit repairs it.

  Failure. The client's own recovery cannot be relied on: after a broker's outage some of its calls never settle. So
  every call has a time limit, and a session that fails is replaced as a whole. It fails when a commit, a join, or an
  offset request fails or takes too long, when the group does not answer for 5 s, when partitions were added to the
  topic, and when a partition has unread records but brings none. A failed fetch does not end the session: it only
  replaces the topic client.

  A failed session stops as in a rebalance, but aborts its handlers at once, and leaves the group. After a pause of 0.1
  to 2 s the next session joins. When the failed session cannot leave the group within 15 s, its client might rejoin on
  its own and hold partitions that nobody reads. Nothing in the process can prevent that, so `giveUp` is called, and the
  process must exit.

  Closing. The session stops as in a rebalance, but its handlers get 10 s. Then it has 3 s to leave the group, which
  gives its partitions to others at once. When it cannot leave, they wait until its session of 6 s is over.
*/
import { sleep, startAge } from '../../concurrency/index.ts';
import { backoffMs } from '../limits.ts';
import type { SubscribeOptions, Subscription } from '../port.ts';
import { wrapUnavailable } from './client.ts';
import type { KafkaLimits } from './limits.ts';
import { type KafkaSession, type KafkaSessionDeps, startKafkaSession } from './session.ts';

export interface KafkaSubscriptionDeps extends KafkaSessionDeps {
  /** Called when a group could not be left. This process can no longer read as that group and must exit. */
  readonly giveUp: (error: Error) => void;
}

const MIN_RESTART_PAUSE_MS = 200;
const MAX_RESTART_PAUSE_MS = 2_000;
/** After a session that lasted this long, the pause before the next one is short again. */
const LONG_SESSION_MS = 30_000;

/** Starts a member of a consumer group, as a chain of sessions. Errors that end a session are told to `onError`. */
export function startKafkaSubscription(
  deps: KafkaSubscriptionDeps,
  limits: KafkaLimits,
  options: SubscribeOptions,
): Subscription {
  const { clock, random, onError, giveUp } = deps;
  const { group } = options;
  const closing = new AbortController();
  const closed = new Promise<void>((resolve) => closing.signal.addEventListener('abort', () => resolve()));
  let session: KafkaSession | undefined;

  async function run(): Promise<void> {
    let shortSessions = 0;
    while (!closing.signal.aborted) {
      const sessionAge = startAge(clock);
      session = startKafkaSession(deps, limits, options);
      const reason = await Promise.race([session.failed, closed]);
      await session.stop(closing.signal.aborted ? limits.closeLimitMs : 0);
      const hasLeft = await leave(session);
      if (closing.signal.aborted) return;
      onError(wrapUnavailable(`reading as group ${group}`, reason));
      if (!hasLeft) {
        const message = `group ${group} could not be left in ${limits.rejoinLimitMs} ms, so the process must exit`;
        giveUp(new Error(message, { cause: reason }));
        return;
      }
      shortSessions = sessionAge() >= LONG_SESSION_MS ? 0 : shortSessions + 1;
      const pauseMs = backoffMs(shortSessions + 1, MIN_RESTART_PAUSE_MS, MAX_RESTART_PAUSE_MS, random);
      await sleep(clock, pauseMs, closing.signal).catch(() => {});
    }
  }

  /** Leaves the group, and returns whether that took less than `rejoinLimitMs`, or `leaveLimitMs` during a close. */
  async function leave(ended: KafkaSession): Promise<boolean> {
    const left = new AbortController();
    const closeLimit = closed
      .then(() => sleep(clock, limits.leaveLimitMs, left.signal))
      .then(
        () => false,
        () => false,
      );
    const hasLeft = await Promise.race([ended.leave(limits.rejoinLimitMs), closeLimit]);
    left.abort();
    return hasLeft;
  }

  const running = run();
  return {
    get partitions() {
      return (session?.partitions() ?? []).toSorted((a, b) => a - b);
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await running;
      session = undefined;
    },
  };
}
