import type { ClientOf } from '@tally/platform/grpc';
import type { Loms } from '@tally/proto/loms';

export interface LoadOptions {
  readonly client: ClientOf<typeof Loms>;
  readonly callers: number;
  /** Whether as many payers run beside the callers and pay the orders that these create. */
  readonly hasPayers: boolean;
  readonly seconds: number;
}

export interface LoadResult {
  readonly orders: number;
  readonly ordersPerSecond: number;
  readonly paysPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
}

const CALL_LIMIT_MS = 10_000;

/** Runs callers that each send their next create as soon as the previous one is answered. */
export async function runLoad({ client, callers, hasPayers, seconds }: LoadOptions): Promise<LoadResult> {
  const startedMs = performance.now();
  const endsMs = startedMs + seconds * 1000;
  const isRunning = () => performance.now() < endsMs;
  const unpaid: bigint[] = [];
  const tookMs: number[] = [];
  let paid = 0;
  let failures = 0;
  const call = () => ({ deadlineMs: Date.now() + CALL_LIMIT_MS });

  async function create(user: bigint): Promise<void> {
    while (isRunning()) {
      const sentMs = performance.now();
      try {
        const items = [{ sku: 1, count: 1n, name: 'a lamp', price: 3379 }];
        const { orderId } = await client.orderCreate({ user, items }, call());
        tookMs.push(performance.now() - sentMs);
        if (hasPayers) unpaid.push(orderId);
      } catch {
        failures += 1;
      }
    }
  }

  async function pay(): Promise<void> {
    while (isRunning()) {
      const orderId = unpaid.shift();
      if (orderId === undefined) {
        await Bun.sleep(1);
        continue;
      }
      try {
        await client.orderPay({ orderId }, call());
        paid += 1;
      } catch {
        failures += 1;
      }
    }
  }

  const workers = Array.from({ length: callers }, (_, i) => create(BigInt(i + 1)));
  if (hasPayers) workers.push(...Array.from({ length: callers }, pay));
  await Promise.all(workers);
  const ranSeconds = (performance.now() - startedMs) / 1000;
  tookMs.sort((a, b) => a - b);
  const percentile = (share: number) => tookMs[Math.floor(tookMs.length * share)] ?? 0;
  return {
    orders: tookMs.length,
    ordersPerSecond: tookMs.length / ranSeconds,
    paysPerSecond: paid / ranSeconds,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
    failures,
  };
}
