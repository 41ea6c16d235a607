export interface KafkaLimits {
  /** Time without a heartbeat after which the group gives a member's partitions to others. */
  readonly sessionMs: number;
  /** Interval between two heartbeats. */
  readonly heartbeatMs: number;
  /**
   * Maximum age of the last answered heartbeat, counted from when it was sent. Once it is older, no handler starts and
   * nothing is committed. The limit is below `sessionMs`, so a member stops before the group gives its partitions away.
   */
  readonly maxHeartbeatAgeMs: number;
  /** Maximum time for a commit, and for a request for offsets. */
  readonly answerLimitMs: number;
  /** Interval between two commits. */
  readonly commitIntervalMs: number;
  /** Interval between two offset checks, which find partitions that bring no records and offsets that were set back. */
  readonly checkIntervalMs: number;
  /**
   * Time that running handlers get to finish when the group rebalances. Half a second for aborted handlers and a second
   * for the last commit may follow. The sum is below `sessionMs`, within which the group expects the member to rejoin.
   */
  readonly revokeLimitMs: number;
  /** Time that running handlers get to finish when the subscription is closed. */
  readonly closeLimitMs: number;
  /**
   * Maximum time to leave the group when the subscription is closed. A member that has not left by then keeps its
   * partitions until its session is over.
   */
  readonly leaveLimitMs: number;
  /**
   * Maximum time to leave the group before it is joined again. When it is over, the process must exit. It is longer
   * than a single request may take, because the group answers only when the departure is replicated, and that takes
   * long when a broker has just died.
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
