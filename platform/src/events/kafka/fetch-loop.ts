import { type EveryDeps, sleep } from '../../concurrency/index.ts';
import type { AssignedPartition, AssignedPartitions } from './assigned-partitions.ts';
import { type KafkaConnection, toUnavailable } from './client.ts';
import { type TopicClient, openTopicClient } from './topic-client.ts';

interface FetchLoopDeps extends Pick<EveryDeps, 'clock' | 'onError'> {
  readonly connection: KafkaConnection;
}

/** Fetches records into the buffers of the assigned partitions, whenever these have room. */
interface FetchLoop {
  /** The client that fetches now. A client that fails is replaced. */
  readonly client: TopicClient;
  close(): Promise<void>;
}

const MAX_WAIT_MS = 500;
// While a fetch waits for records, a partition that gets room again cannot be fetched from the same broker. So a fetch
// that leaves out partitions without room must not wait long.
const MAX_WAIT_WITH_FULL_BUFFER_MS = 25;
const FAILURE_PAUSE_MS = 200;

/** Starts to fetch. Each broker has at most one fetch in flight, for all of the partitions that it leads. */
export function startFetchLoop(
  { clock, onError, connection }: FetchLoopDeps,
  topic: string,
  partitions: AssignedPartitions,
): FetchLoop {
  const leadersInFlight = new Set<number>();
  let client = openTopicClient(clock, connection, topic);
  let isStartingFetches = false;
  let isPausing = false;
  let isClosed = false;

  /** Starts a fetch at each broker that leads a partition with room and has no fetch in flight. */
  async function startFetches(): Promise<void> {
    if (isStartingFetches || isPausing || isClosed) return;
    const points = partitions.withRoom().map(toFetchPoint);
    if (points.length === 0) return;
    const maxWaitMs = points.length < partitions.current.size ? MAX_WAIT_WITH_FULL_BUFFER_MS : MAX_WAIT_MS;
    const used = client;
    isStartingFetches = true;
    try {
      for (const [leader, led] of await used.groupByLeader(points)) {
        if (!leadersInFlight.has(leader) && !isClosed) void fetchFrom(leader, led, maxWaitMs);
      }
    } catch (error) {
      void replaceClient(used, error);
    } finally {
      isStartingFetches = false;
    }
  }

  async function fetchFrom(leader: number, points: readonly FetchPoint[], maxWaitMs: number): Promise<void> {
    const used = client;
    leadersInFlight.add(leader);
    try {
      for (const fetched of await used.fetch(leader, points, maxWaitMs)) {
        const point = points.find(({ partition }) => partition === fetched.partition);
        if (point !== undefined) partitions.append(point.assigned, fetched);
      }
    } catch (error) {
      void replaceClient(used, error);
    } finally {
      leadersInFlight.delete(leader);
    }
    void startFetches();
  }

  /** Replaces a failed client, and fetches again after a pause. Further failures of that client are ignored. */
  async function replaceClient(failed: TopicClient, error: unknown): Promise<void> {
    if (isClosed || failed !== client) return;
    onError(toUnavailable(`fetching from topic ${topic}`, error));
    client = openTopicClient(clock, connection, topic);
    isPausing = true;
    await failed.close();
    await sleep(clock, FAILURE_PAUSE_MS);
    isPausing = false;
    void startFetches();
  }

  partitions.onRoom(() => void startFetches());
  return {
    get client() {
      return client;
    },
    async close() {
      isClosed = true;
      await client.close();
    },
  };
}

interface FetchPoint {
  readonly partition: number;
  readonly offset: bigint;
  readonly assigned: AssignedPartition;
}

const toFetchPoint = (assigned: AssignedPartition): FetchPoint => ({
  partition: assigned.partition,
  offset: assigned.fetchOffset,
  assigned,
});
