export interface KafkaLimits {
  /** Time without a heartbeat after which the group gives a member's partitions to others. */
  readonly sessionMs: number;
  /** Interval between two heartbeats. */
  readonly heartbeatMs: number;
  /**
   * Maximum age of the last answered heartbeat, counted from when it was sent. With an older one, no handler starts and
   * nothing is committed. It is below `sessionMs`, so a member stops before the group gives its partitions away.
   */
  readonly maxHeartbeatAgeMs: number;
  /** Maximum wait for an answer about offsets. */
  readonly answerLimitMs: number;
  /** Interval between two commits. */
  readonly commitIntervalMs: number;
  /** Interval between two comparisons of what is read with what is committed and what the topic holds. */
  readonly checkIntervalMs: number;
  /**
   * Time that running handlers get to finish when the group rebalances. Half a second for aborted handlers and a second
   * for the last commit may follow. The sum is below `sessionMs`, within which the group expects the member to rejoin.
   */
  readonly revokeLimitMs: number;
  /** Time that running handlers get to finish when the subscription is closed. */
  readonly closeLimitMs: number;
  /** Maximum time to leave the group when the subscription is closed. After it, the group waits out the session. */
  readonly leaveLimitMs: number;
  /**
   * Maximum time to leave the group before it is joined again. After it, the process must exit. It is longer than a
   * request may take: a group replicates that a member left, even when one of the replicas has just died.
   */
  readonly rejoinLimitMs: number;
}

export const KAFKA_LIMITS: KafkaLimits = {
  sessionMs: 6_000,
  heartbeatMs: 1_000,
  maxHeartbeatAgeMs: 5_000,
  answerLimitMs: 3_000,
  commitIntervalMs: 200,
  checkIntervalMs: 3_000,
  revokeLimitMs: 2_500,
  closeLimitMs: 10_000,
  leaveLimitMs: 3_000,
  rejoinLimitMs: 15_000,
};
