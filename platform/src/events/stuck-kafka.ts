// Looks in a row at which something is unread and nothing comes.
const MAX_STUCK_LOOKS = 4;

/** A partition at one moment. */
export interface Look {
  readonly partition: number;
  /** The next offset that is asked for. */
  readonly fetchOffset: bigint;
  /** Fetched, and not handled yet. */
  readonly waiting: number;
  /** Of the partition, exclusive. */
  readonly end: bigint;
}

/** Looks again and again; names the partition that is unread and has brought nothing for several looks. */
export function createStuckWatch(): (looks: readonly Look[]) => number | undefined {
  const seen = new Map<number, { readonly at: bigint; readonly looks: number }>();
  return (looks) => {
    for (const { partition, fetchOffset, waiting, end } of looks) {
      const isIdle = waiting === 0 && end > fetchOffset;
      const before = seen.get(partition);
      const looksBefore = before?.at === fetchOffset ? before.looks : 0;
      seen.set(partition, { at: fetchOffset, looks: isIdle ? looksBefore + 1 : 0 });
    }
    return looks.find(({ partition }) => (seen.get(partition)?.looks ?? 0) >= MAX_STUCK_LOOKS)?.partition;
  };
}
