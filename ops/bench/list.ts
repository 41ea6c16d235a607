import { writeFileSync } from 'node:fs';

import { type ListDeps, list } from '@tally/cart/list';
import { createProducts } from '@tally/cart/products';
import { createGrpcProductService } from '@tally/cart/product-service';
import { createWorkerPool, systemClock } from '@tally/platform/concurrency';
import { detach, hopDeadline, openGrpcClient } from '@tally/platform/grpc';
import { createLog, openTracing } from '@tally/platform/telemetry';
import { freePort } from '@tally/platform/embedded';
import { ProductService } from '@tally/proto/product';

import { toBarChart } from './chart.ts';
import { describeMachine, median } from './measure.ts';
import { startProgram } from './programs.ts';

const LINES = [1, 2, 5, 10, 20];
const LATENCY_MS = 10;
// The defaults of cart.
const WORKERS = 64;
const MAX_QUEUED = 10_000;
const CALL_LIMIT_MS = 10_000;

/** Runs one List over a cart with this many lines. Every look-up goes to the product service. */
type List = (lines: number) => Promise<void>;

interface ListOptions {
  /** Number of Lists of each kind in a round. */
  readonly lists: number;
  readonly rounds: number;
  /** File into which a bar chart is written as SVG. */
  readonly chart: string | undefined;
}

/**
 * Measures how long a List takes if its look-ups are made one after another, and if the pool makes them. The use case,
 * the look-ups, the pool and the gRPC client are those of cart. They are put together here without the limiter and the
 * cache, because no configuration of cart turns these off. The product service is the stand-in, in its own process.
 */
export async function benchList({ lists, rounds, chart }: ListOptions): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const machine = describeMachine();
  console.log(machine);
  const address = await startProduct(stack);
  const modes: readonly (readonly [name: string, list: List])[] = [
    ['one after another', createList(stack, address, 1)],
    ['pooled', createList(stack, address, WORKERS)],
  ];
  const tookMs = new Map<string, number[]>();
  for (const [, listOf] of modes) await listOf(20);
  for (let round = 1; round <= rounds; round += 1) {
    for (const lines of LINES) {
      for (const [name, listOf] of modes) {
        const key = `${name} ${lines}`;
        const times = tookMs.get(key) ?? [];
        tookMs.set(key, times);
        for (let n = 0; n < lists; n += 1) times.push(await time(() => listOf(lines)));
      }
    }
    console.log(`round ${round} of ${rounds} is done`);
  }
  const of = (name: string) => LINES.map((lines) => median(tookMs.get(`${name} ${lines}`) ?? []));
  const [serial, pooled] = [of('one after another'), of('pooled')];
  const source = `Median of ${lists * rounds} Lists each, product service of ${LATENCY_MS} ms, limiter and cache off. ${machine}.`;
  console.log(`\n${toMarkdown(serial, pooled)}\n\n${source}`);
  const series = [
    { name: 'one after another', values: serial },
    { name: `pooled, ${WORKERS} workers`, values: pooled },
  ];
  const groups = LINES.map((lines) => `${lines} ${lines === 1 ? 'line' : 'lines'}`);
  if (chart === undefined) return;
  writeFileSync(chart, toBarChart({ title: 'Time of one List, milliseconds', note: source, groups, series }));
  console.log(`The chart is in ${chart}.`);
}

async function time(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function toMarkdown(serial: readonly number[], pooled: readonly number[]): string {
  const rows = LINES.map((lines, i) => {
    const [slow, fast] = [serial[i] ?? 0, pooled[i] ?? 0];
    return `| ${lines} | ${slow.toFixed(1)} ms | ${fast.toFixed(1)} ms | ${(slow / fast).toFixed(1)} x |`;
  });
  return ['| lines | one after another | pooled | faster |', '| ---: | ---: | ---: | ---: |', ...rows].join('\n');
}

async function startProduct(stack: AsyncDisposableStack): Promise<string> {
  const [grpcPort, httpPort] = [freePort(), freePort()];
  const env = {
    PRODUCT_GRPC_PORT: String(grpcPort),
    PRODUCT_HTTP_PORT: String(httpPort),
    PRODUCT_TOKEN: 'testtoken',
    PRODUCT_GENERATED: String(Math.max(...LINES)),
    PRODUCT_LATENCY_MS: String(LATENCY_MS),
    PRODUCT_MAX_CALLS_PER_SECOND: '1000000',
  };
  await startProgram(stack, { name: 'the stand-in', main: 'ops/product/main.ts', env, readyPort: httpPort });
  return `127.0.0.1:${grpcPort}`;
}

/** A cache that keeps nothing. */
const NO_CACHE = { getLocal: () => undefined, getShared: async () => undefined, set: () => {} };

function createList(stack: AsyncDisposableStack, address: string, workers: number): List {
  const clock = systemClock;
  const client = openGrpcClient(ProductService, {
    addresses: [address],
    tracer: openTracing('bench').tracer,
    interceptors: [hopDeadline(clock.nowMs), detach(clock.nowMs, CALL_LIMIT_MS)],
  });
  const service = createGrpcProductService({
    client: stack.use(client),
    clock,
    random: Math.random,
    log: createLog('bench', 'warn'),
    token: 'testtoken',
  });
  const products = createProducts({ service, cache: NO_CACHE, clock });
  const pool = createWorkerPool({ workers, maxQueued: MAX_QUEUED });
  return async (lines) => {
    const store: ListDeps['store'] = {
      findLines: async () => Array.from({ length: lines }, (_, i) => toLine(i + 1)),
      update: () => Promise.reject(new Error('a List whose prices hold writes nothing')),
    };
    const call = { signal: new AbortController().signal, deadlineMs: clock.nowMs() + CALL_LIMIT_MS };
    await list({ store, products, pool, clock }, { userId: 1n, token: undefined }, call);
  };
}

/** Returns a line with the name and price that the stand-in generates, so that List has nothing to write back. */
const toLine = (sku: number) => ({
  id: BigInt(sku),
  sku,
  count: 1,
  name: `Product ${sku}`,
  price: 100 + ((sku * 7919) % 9900),
});
