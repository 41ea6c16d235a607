import { expect, test } from 'bun:test';

import { createFakeClock } from '../../testing/index.ts';
import { type AssignedPartition, createAssignedPartitions } from './assigned-partitions.ts';
import type { GroupMembership } from './group-membership.ts';
import { commitHandled, createOffsetCheck, findStartOffsets } from './offsets.ts';
import type { OffsetRange, TopicClient } from './topic-client.ts';

const LIMIT_MS = 1_000;

/** Assigns partitions 0 and 1 from offset 0 on, in a group and a topic whose state the test sets. */
function setUp() {
  const group = { isCurrent: true, committed: new Map<number, bigint>(), commits: [] as [number, bigint][][] };
  const topic = {
    partitionCount: 2,
    ranges: new Map<number, OffsetRange>([
      [0, { first: 0n, end: 0n }],
      [1, { first: 0n, end: 0n }],
    ]),
  };
  const errors: string[] = [];
  const membership: GroupMembership = {
    join: async () => {},
    isCurrent: () => group.isCurrent,
    isSilent: () => false,
    commit: async (offsets) => void group.commits.push(offsets.map(({ partition, offset }) => [partition, offset])),
    committed: async () => group.committed,
    leave: async () => true,
  };
  const client: TopicClient = {
    partitionCount: async () => topic.partitionCount,
    offsetRanges: async () => topic.ranges,
    groupByLeader: async () => new Map(),
    fetch: async () => [],
    close: async () => {},
  };
  const partitions = createAssignedPartitions(
    { clock: createFakeClock(), random: () => 0.5, onError: () => {}, mayStart: () => true },
    { topic: 't', group: 'g', handler: async () => {} },
  );
  partitions.assign([
    { partition: 0, offset: 0n },
    { partition: 1, offset: 0n },
  ]);
  const checkOffsets = createOffsetCheck(partitions);
  return {
    group,
    topic,
    errors,
    assigned: (partition: number) => partitions.current.get(partition) as AssignedPartition,
    commit: () => commitHandled(membership, partitions, LIMIT_MS),
    check: () => checkOffsets(membership, client),
    findStarts: () => findStartOffsets(membership, client, [0, 1], ({ message }) => errors.push(message)),
  };
}

test('only partitions in which events were handled since the last commit are committed', async () => {
  const { group, assigned, commit } = setUp();
  assigned(1).handledOffset = 3n;
  await commit();
  await commit();
  assigned(0).handledOffset = 1n;
  await commit();
  expect(group.commits).toEqual([[[1, 3n]], [[0, 1n]]]);
});

test('a member whose partitions may belong to others commits nothing', async () => {
  const { group, assigned, commit } = setUp();
  assigned(0).handledOffset = 3n;
  group.isCurrent = false;
  await commit();
  expect(group.commits).toEqual([]);
});

test('a partition starts at the committed offset, or at its first record when the group never read it', async () => {
  const { group, topic, findStarts, errors } = setUp();
  topic.ranges = new Map([
    [0, { first: 2n, end: 9n }],
    [1, { first: 2n, end: 9n }],
  ]);
  group.committed.set(0, 9n);
  expect(await findStarts()).toEqual([
    { partition: 0, offset: 9n },
    { partition: 1, offset: 2n },
  ]);
  expect(errors).toEqual([]);
});

test('a committed offset outside of the partition is reported, and reading starts at the first record', async () => {
  const { group, topic, findStarts, errors } = setUp();
  topic.ranges = new Map([
    [0, { first: 2n, end: 9n }],
    [1, { first: 0n, end: 9n }],
  ]);
  group.committed.set(0, 1n).set(1, 10n);
  expect(await findStarts()).toEqual([
    { partition: 0, offset: 2n },
    { partition: 1, offset: 0n },
  ]);
  expect(errors).toEqual([
    'offset 1 of partition 0 is committed, but the partition holds 2 to 9: it is read from 2',
    'offset 10 of partition 1 is committed, but the partition holds 0 to 9: it is read from 0',
  ]);
});

test('an offset that was set back in the group is committed again', async () => {
  const { group, assigned, commit, check } = setUp();
  assigned(0).handledOffset = 5n;
  await commit();
  group.committed.set(0, 2n);
  await check();
  await commit();
  expect(group.commits).toEqual([[[0, 5n]], [[0, 5n]]]);
});

test('the check fails when partitions were added', async () => {
  const { topic, check } = setUp();
  await check();
  topic.partitionCount = 3;
  await expect(check()).rejects.toThrow('the topic has 3 partitions instead of 2');
});

test('the check fails when a partition is stalled', async () => {
  const { topic, check } = setUp();
  topic.ranges.set(1, { first: 0n, end: 5n });
  for (let looks = 1; looks < 4; looks += 1) await check();
  await expect(check()).rejects.toThrow('partition 1 has records to read');
});
