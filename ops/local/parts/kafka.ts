import { join } from 'node:path';

import { type EmbeddedKafkaOptions, fetchKafka, isKafkaFetched, toBrokerCommand } from '@tally/platform/embedded';

import { BROKER_PORTS, type LocalConfig } from '../config.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import type { Shape } from '../plan/shape.ts';
import type { Steps } from '../run/steps.ts';
import { planPart } from './part.ts';

/** A broker hands its partitions over to the others before it ends, which takes time. */
const STOP_LIMIT_MS = 20_000;

/** Returns the names of the brokers' processes: `kafka`, or `kafka-1`, `kafka-2`, and so on. */
export function brokerNames({ brokers }: Shape): string[] {
  return BROKER_PORTS.slice(0, brokers).map((_, i) => (brokers === 1 ? 'kafka' : `kafka-${i + 1}`));
}

/** Returns the folder of the brokers' data and settings. */
export const brokersDir = (stateDir: string) => join(stateDir, 'brokers');

/**
 * Fetches Kafka, once for a checkout, and returns the cluster of this shape. Throws an AppError that says what is
 * missing.
 */
export async function openKafka(config: LocalConfig, shape: Shape, steps: Steps): Promise<EmbeddedKafkaOptions> {
  const { root, stateDir } = config;
  const source = { pom: join(root, 'ops/local/kafka/pom.xml'), dir: join(root, '.local/kafka') };
  if (!isKafkaFetched(source)) {
    await steps.run('kafka', async () => {
      await fetchKafka(source);
      return `fetched into ${source.dir}`;
    });
  }
  const nodes = BROKER_PORTS.slice(0, shape.brokers).map(([port, controllerPort], i) => ({
    id: i + 1,
    port: config.port(port).port,
    controllerPort: config.port(controllerPort).port,
  }));
  return { dir: brokersDir(stateDir), programs: await fetchKafka(source), nodes };
}

export function planKafka(config: LocalConfig, shape: Shape, kafka: EmbeddedKafkaOptions): PlannedProcess[] {
  const names = brokerNames(shape);
  return kafka.nodes.map((node, i) => {
    const { command, env, files } = toBrokerCommand(kafka, node);
    return planPart(config, {
      name: names[i]!,
      command,
      env,
      files,
      ports: BROKER_PORTS[i]!.map(config.port),
      readyUrl: `kafka://127.0.0.1:${node.port}/?brokers=${shape.brokers}`,
      stopLimitMs: STOP_LIMIT_MS,
    });
  });
}
