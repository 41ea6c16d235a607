import { sleep } from '../concurrency/index.ts';
import { toUnavailable } from './client-kafka.ts';
import { type FetchPoint, type KafkaFetcher, openFetcher } from './fetcher-kafka.ts';
import type { Held, Holding } from './holding-kafka.ts';
import type { KafkaMemberDeps } from './member-kafka.ts';

const FETCH_WAIT_MS = 500;
// While a partition has enough waiting, the others' fetch is short: it may want more at any moment.
const SHORT_FETCH_WAIT_MS = 25;
const FETCH_PAUSE_MS = 200;

export interface Fetching {
  readonly fetcher: () => KafkaFetcher;
  /** Fetches what is wanted from every broker that is not being asked already. */
  pump(): void;
  close(): Promise<void>;
}

/** Asks each broker for what it leads, one request at a time. A client that fails is replaced. */
export function startFetching(
  { clock, onError, place }: Pick<KafkaMemberDeps, 'clock' | 'onError' | 'place'>,
  topic: string,
  holding: Holding,
): Fetching {
  const asked = new Set<number>();
  let fetcher = openFetcher(clock, place, topic);
  let isPlanning = false;
  let isPausing = false;
  let isClosed = false;

  async function replace(failed: KafkaFetcher, error: unknown): Promise<void> {
    if (isClosed || failed !== fetcher) return;
    onError(toUnavailable(`fetching ${topic}`, error));
    fetcher = openFetcher(clock, place, topic);
    isPausing = true;
    await failed.close();
    await sleep(clock, FETCH_PAUSE_MS);
    isPausing = false;
  }

  async function ask(
    leader: number,
    points: readonly (FetchPoint & { held: Held })[],
    maxWaitMs: number,
  ): Promise<void> {
    asked.add(leader);
    const used = fetcher;
    try {
      const fetched = await used.fetch(leader, points, maxWaitMs);
      for (const one of fetched) {
        const point = points.find(({ partition }) => partition === one.partition);
        if (point !== undefined) holding.put(point.held, one);
      }
    } catch (error) {
      await replace(used, error);
    } finally {
      asked.delete(leader);
    }
    pump();
  }

  /** Returns whether it is to be tried again. */
  async function plan(): Promise<boolean> {
    const wanting = holding.wanting();
    if (wanting.length === 0) return false;
    const maxWaitMs = wanting.length < holding.held.size ? SHORT_FETCH_WAIT_MS : FETCH_WAIT_MS;
    const used = fetcher;
    try {
      const points = wanting.map((held) => ({ partition: held.partition, offset: held.fetchOffset, held }));
      for (const [leader, some] of await used.byLeader(points)) {
        if (!asked.has(leader) && !isClosed) void ask(leader, some as typeof points, maxWaitMs);
      }
      return false;
    } catch (error) {
      await replace(used, error);
      return true;
    }
  }

  function pump(): void {
    if (isPlanning || isPausing || isClosed) return;
    isPlanning = true;
    void plan().then((failed) => {
      isPlanning = false;
      if (failed) pump();
    });
  }

  return {
    fetcher: () => fetcher,
    pump,
    async close() {
      isClosed = true;
      await fetcher.close();
    },
  };
}
