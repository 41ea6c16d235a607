// With a look every 3 s, a partition counts as stalled 9 to 12 s after its last progress.
const MAX_IDLE_LOOKS = 4;

/** The progress of a partition at one moment. */
interface PartitionProgress {
  readonly partition: number;
  /** The offset to fetch next. */
  readonly fetchOffset: bigint;
  /** Number of events that were fetched and wait for the handler. */
  readonly bufferedEvents: number;
  /** The offset after the partition's last record. */
  readonly end: bigint;
}

/**
 * Returns a function that looks at the progress of all partitions and returns a stalled one, if there is any. A
 * partition is stalled when in four looks in a row it had records to fetch and an empty buffer, and its fetch offset
 * stayed the same.
 */
export function createStallDetector(): (progress: readonly PartitionProgress[]) => number | undefined {
  const seen = new Map<number, { readonly fetchOffset: bigint; readonly idleLooks: number }>();
  return (progress) => {
    for (const { partition, fetchOffset, bufferedEvents, end } of progress) {
      const isIdle = bufferedEvents === 0 && end > fetchOffset;
      const before = seen.get(partition);
      const idleLooks = before?.fetchOffset === fetchOffset ? before.idleLooks : 0;
      seen.set(partition, { fetchOffset, idleLooks: isIdle ? idleLooks + 1 : 0 });
    }
    return progress.find(({ partition }) => (seen.get(partition)?.idleLooks ?? 0) >= MAX_IDLE_LOOKS)?.partition;
  };
}
