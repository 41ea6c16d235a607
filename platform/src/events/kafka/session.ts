import { type EveryDeps, type Loop, startEvery } from '../../concurrency/index.ts';
import type { SubscribeOptions } from '../port.ts';
import { createAssignedPartitions } from './assigned-partitions.ts';
import { type KafkaConnection, toUnavailable, withTimeout } from './client.ts';
import { startFetchLoop } from './fetch-loop.ts';
import { createGroupMembership } from './group-membership.ts';
import type { KafkaLimits } from './limits.ts';
import { commitHandled, createOffsetCheck, findStartOffsets } from './offsets.ts';

export interface KafkaSessionDeps extends EveryDeps {
  readonly connection: KafkaConnection;
  /**
   * Name of this process in its consumer groups. It is unique, and stays the same over a restart. The topic is appended
   * to it for the name of a member, so that one process may read several topics as one group, with a member for each.
   */
  readonly instance: string;
}

/**
 * One membership of a consumer group, from joining to leaving. It never recovers from a failure: a new one replaces it.
 */
export interface KafkaSession {
  /** Returns the partitions that the session holds now. */
  partitions(): number[];
  /** Resolves with the first reason why the session can no longer be trusted. */
  readonly failed: Promise<unknown>;
  /** Stops reading: running handlers get this long to finish, and what they handled is committed. */
  stop(handlerLimitMs: number): Promise<void>;
  /** Leaves the group, and returns whether that succeeded in time. Call it after `stop`. */
  leave(limitMs: number): Promise<boolean>;
}

const LAST_COMMIT_LIMIT_MS = 1_000;

/**
 * Starts a session, which joins the group and reads from it. At first it holds no partitions. Each assignment starts
 * the reading, each revocation ends it, and `stop` ends it for good. When a loop or a request fails, the whole session
 * fails.
 */
export function startKafkaSession(
  deps: KafkaSessionDeps,
  limits: KafkaLimits,
  options: SubscribeOptions,
): KafkaSession {
  const { clock, random, onError, connection } = deps;
  const { topic, group } = options;
  const { promise: failed, resolve: fail } = Promise.withResolvers<unknown>();
  const instance = `${deps.instance}-${topic}`;
  const membership = createGroupMembership(clock, limits, { connection, topic, group, instance });
  const partitions = createAssignedPartitions({ clock, random, onError, mayStart: membership.isCurrent }, options);
  const fetchLoop = startFetchLoop({ clock, onError, connection }, topic, partitions);
  const checkOffsets = createOffsetCheck(partitions);
  /** Counts assignments and revocations, so that offsets looked up for an earlier assignment are discarded. */
  let generation = 0;
  let isStopped = false;

  async function assign(numbers: readonly number[]): Promise<void> {
    if (isStopped) return;
    generation += 1;
    const assignedIn = generation;
    const lookup = findStartOffsets(membership, fetchLoop.client, numbers, onError);
    const starts = await withTimeout(clock, limits.answerLimitMs, 'looking up committed offsets', lookup);
    if (assignedIn === generation) partitions.assign(starts);
  }

  async function revoke(handlerLimitMs: number): Promise<void> {
    generation += 1;
    await partitions.drain(handlerLimitMs);
    await commitHandled(membership, partitions, LAST_COMMIT_LIMIT_MS).catch((error: unknown) =>
      onError(toUnavailable(`the last commit of group ${group}`, error)),
    );
    partitions.clear();
  }

  const loopDeps = { clock, random, onError: fail };
  const loops: readonly Loop[] = [
    startEvery(loopDeps, { intervalMs: limits.commitIntervalMs }, async () => {
      if (partitions.current.size > 0 && membership.isSilent()) throw new Error('the last heartbeat is too old');
      // Handlers may have been held back while the membership was not current.
      partitions.startHandlers();
      await commitHandled(membership, partitions, limits.answerLimitMs);
    }),
    startEvery(loopDeps, { intervalMs: limits.checkIntervalMs }, () =>
      withTimeout(clock, limits.answerLimitMs, 'the offset check', checkOffsets(membership, fetchLoop.client)),
    ),
  ];

  membership
    .join({
      onRevoke: () => revoke(limits.revokeLimitMs),
      onAssign: (numbers) => void assign(numbers).catch(fail),
      onFailure: fail,
    })
    .catch(fail);

  return {
    partitions: () => [...partitions.current.keys()],
    failed,
    async stop(handlerLimitMs) {
      isStopped = true;
      for (const loop of loops) await loop[Symbol.asyncDispose]();
      await revoke(handlerLimitMs);
    },
    async leave(limitMs) {
      const [hasLeft] = await Promise.all([membership.leave(limitMs), fetchLoop.close()]);
      return hasLeft;
    },
  };
}
