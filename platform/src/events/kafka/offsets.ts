import type { AssignedPartitions } from './assigned-partitions.ts';
import type { GroupMembership } from './group-membership.ts';
import { createStallDetector } from './stall-detector.ts';
import type { PartitionOffset, TopicClient } from './topic-client.ts';

/** Commits the offset of each partition in which events were handled since its last commit. */
export async function commitHandled(
  membership: GroupMembership,
  partitions: AssignedPartitions,
  limitMs: number,
): Promise<void> {
  const advanced = [...partitions.current.values()].filter(
    ({ handledOffset, committedOffset }) => handledOffset > committedOffset,
  );
  // Kafka does not check that a member commits its own partitions only, so a zombie must hold its commits back.
  if (advanced.length === 0 || !membership.isCurrent()) return;
  const offsets = advanced.map(({ partition, handledOffset }) => ({ partition, offset: handledOffset }));
  await membership.commit(offsets, limitMs);
  for (const [i, assigned] of advanced.entries()) {
    assigned.committedOffset = offsets[i]?.offset ?? assigned.committedOffset;
  }
}

/**
 * Returns the offsets from which to read the partitions: the committed offset of each, or the first offset that the
 * partition holds if the group never read it. A committed offset outside of what the partition holds is reported to
 * `onError`, and the partition is read from its first offset instead.
 */
export async function findStartOffsets(
  membership: GroupMembership,
  client: TopicClient,
  partitions: readonly number[],
  onError: (error: Error) => void,
): Promise<PartitionOffset[]> {
  const [committed, ranges] = await Promise.all([membership.committed(partitions), client.offsetRanges(partitions)]);
  return partitions.map((partition) => {
    const { first, end } = ranges.get(partition) ?? { first: 0n, end: 0n };
    const offset = committed.get(partition) ?? first;
    if (offset >= first && offset <= end) return { partition, offset };
    const found = `offset ${offset} of partition ${partition} is committed, but the partition holds ${first} to ${end}`;
    onError(new Error(`${found}: it is read from ${first}`));
    return { partition, offset: first };
  });
}

/**
 * Returns a function that compares what the member reads with what the group has committed and what the topic holds. It
 * throws when the session must end: when partitions were added, which the client does not notice, or when a partition
 * is stalled.
 */
export function createOffsetCheck(partitions: AssignedPartitions) {
  const findStalled = createStallDetector();
  let knownPartitionCount: number | undefined;

  return async (membership: GroupMembership, client: TopicClient): Promise<void> => {
    const numbers = [...partitions.current.keys()];
    if (numbers.length === 0) return;
    const [committed, ranges, partitionCount] = await Promise.all([
      membership.committed(numbers),
      client.offsetRanges(numbers),
      client.partitionCount(),
    ]);
    knownPartitionCount ??= partitionCount;
    if (partitionCount !== knownPartitionCount) {
      throw new Error(`the topic has ${partitionCount} partitions instead of ${knownPartitionCount}`);
    }
    for (const assigned of partitions.current.values()) {
      // A lower offset than before means that a zombie has set it back. The next commit repairs it.
      const offset = committed.get(assigned.partition);
      if (offset !== undefined && offset < assigned.committedOffset) assigned.committedOffset = offset;
    }
    const progress = [...partitions.current.values()].map(({ partition, fetchOffset, buffer }) => {
      return { partition, fetchOffset, bufferedEvents: buffer.length, end: ranges.get(partition)?.end ?? 0n };
    });
    const stalled = findStalled(progress);
    if (stalled !== undefined) throw new Error(`partition ${stalled} has records to read, but fetches bring none`);
  };
}
