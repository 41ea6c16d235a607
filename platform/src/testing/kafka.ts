import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import {
  type EmbeddedBroker,
  fetchKafka,
  missingForKafka,
  startEmbeddedBroker,
  startEmbeddedKafka,
} from '../embedded/index.ts';
import { quietPorts } from './ports.ts';

/** A Kafka cluster of a test's own, whose brokers are stopped, killed and started again on their ports. */
export interface TestKafka extends AsyncDisposable {
  /** `host:port` of every broker. */
  readonly brokers: readonly string[];
  /** Of every broker; the first one has id 1. */
  readonly pids: () => readonly number[];
  kill(id?: number): Promise<void>;
  stop(id?: number): Promise<void>;
  /** With one broker it serves when this returns. */
  start(id?: number): Promise<void>;
}

const ROOT = resolve(import.meta.dir, '../../..');
const PROGRAMS = { pom: join(ROOT, 'ops/local/kafka/pom.xml'), dir: join(ROOT, '.local/kafka') };

/** Why tests cannot have a Kafka here; undefined when they can. */
export const withoutKafka = (): string | undefined => missingForKafka(PROGRAMS);

export async function openTestKafka(count = 1): Promise<TestKafka> {
  const dir = mkdtempSync(join(tmpdir(), 'tally-kafka-'));
  const programs = await fetchKafka(PROGRAMS);
  const ports = quietPorts(2 * count);
  const nodes = Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    port: ports[2 * i] ?? 0,
    controllerPort: ports[2 * i + 1] ?? 0,
  }));
  const options = { dir, programs, nodes, lifetime: 'parent' } as const;
  const running = new Map<number, EmbeddedBroker>();
  for (const broker of await startEmbeddedKafka(options)) running.set(broker.id, broker);
  return {
    brokers: nodes.map(({ port }) => `127.0.0.1:${port}`),
    pids: () => [...running.values()].map(({ pid }) => pid),
    kill: async (id = 1) => running.get(id)?.kill(),
    stop: async (id = 1) => running.get(id)?.stop(),
    async start(id = 1) {
      running.set(id, await startEmbeddedBroker(options, id));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running.values()].map((broker) => broker.kill()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

let shared: Promise<TestKafka> | undefined;

/** One broker for all tests of this process; its topics are told apart by their names. */
export function kafkaOfThisRun(): Promise<TestKafka> {
  shared ??= openTestKafka();
  return shared;
}

/** Ends what this process started; called behind the last test. */
export async function closeTestKafka(): Promise<void> {
  await (await shared)?.[Symbol.asyncDispose]();
}
