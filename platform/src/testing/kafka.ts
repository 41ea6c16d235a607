import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { type EmbeddedBroker, type KafkaPrograms, fetchKafka, startEmbeddedKafka } from '../embedded/index.ts';
import { AppError } from '../errors/index.ts';
import { quietPorts } from './ports.ts';

/** A Kafka cluster of one test, whose brokers can be stopped, killed and started again on their ports. */
export interface TestKafka extends AsyncDisposable {
  /** `host:port` of every broker. */
  readonly brokers: readonly string[];
  /** Returns the pid of every broker. */
  readonly pids: () => readonly number[];
  /** Ends the broker with this id; the first broker has id 1. */
  kill(id?: number): Promise<void>;
  stop(id?: number): Promise<void>;
  /** Starts a broker again. If it is the only one, it serves when this returns. */
  start(id?: number): Promise<void>;
}

const ROOT = resolve(import.meta.dir, '../../..');
const PROGRAMS = { pom: join(ROOT, 'ops/local/kafka/pom.xml'), dir: join(ROOT, '.local/kafka') };

let programs: Promise<KafkaPrograms> | undefined;

function fetchPrograms(): Promise<KafkaPrograms> {
  programs ??= fetchKafka(PROGRAMS);
  return programs;
}

/** Fetches Kafka, and returns why tests cannot have one; undefined when they can. */
export async function missingKafka(): Promise<string | undefined> {
  try {
    await fetchPrograms();
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}

/** Starts a cluster of `count` brokers. Throws AppError when `missingKafka` has a reason. */
export async function openTestKafka(count = 1): Promise<TestKafka> {
  const dir = mkdtempSync(join(tmpdir(), 'tally-kafka-'));
  const ports = quietPorts(2 * count);
  const nodes = Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    port: ports[2 * i] ?? 0,
    controllerPort: ports[2 * i + 1] ?? 0,
  }));
  const options = { dir, programs: await fetchPrograms(), nodes } as const;
  const running = new Map<number, EmbeddedBroker>();
  for (const broker of await startEmbeddedKafka(options)) running.set(broker.id, broker);
  return {
    brokers: nodes.map(({ port }) => `127.0.0.1:${port}`),
    pids: () => [...running.values()].map(({ pid }) => pid),
    kill: async (id = 1) => running.get(id)?.kill(),
    stop: async (id = 1) => running.get(id)?.stop(),
    async start(id = 1) {
      const node = nodes.filter((candidate) => candidate.id === id);
      for (const broker of await startEmbeddedKafka(options, node)) running.set(id, broker);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running.values()].map((broker) => broker.kill()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

let shared: Promise<TestKafka> | undefined;

/** Returns one broker for all tests of this process, which use topics of different names. */
export function kafkaOfThisRun(): Promise<TestKafka> {
  shared ??= openTestKafka();
  return shared;
}

/** Ends the broker of `kafkaOfThisRun`. Called after the last test. */
export async function closeTestKafka(): Promise<void> {
  await (await shared)?.[Symbol.asyncDispose]();
}
