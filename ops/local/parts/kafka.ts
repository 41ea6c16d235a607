import { join } from 'node:path';

import {
  type EmbeddedBroker,
  type KafkaNode,
  brokerLogPath,
  fetchKafka,
  findEmbeddedBroker,
  isKafkaFetched,
  readStat,
  startEmbeddedKafka,
} from '@tally/platform/embedded';

import type { LocalConfig, PortName } from '../config.ts';
import type { Servers } from '../run/launcher-deps.ts';
import type { Shape } from '../plan/shape.ts';
import { type Steps, describeEach } from '../run/steps.ts';

/** The brokers of a state folder. */
export interface LocalKafka extends Servers {
  /** Holds their data, their settings and their logs. */
  readonly dir: string;
  readonly brokers: readonly LocalBroker[];
  /** `host:port` of each: of the broker that runs, else where it would. */
  readonly addresses: () => readonly string[];
  /** Fetches what they are run with, once for a checkout. Comes before anything is started. */
  readonly prepare: (steps: Steps) => Promise<void>;
}

export interface LocalBroker {
  readonly name: string;
  readonly node: KafkaNode;
  readonly logPath: string;
  readonly find: () => EmbeddedBroker | undefined;
}

const PORTS: readonly (readonly [PortName, PortName])[] = [
  ['kafka', 'kafkaController'],
  ['kafka2', 'kafka2Controller'],
  ['kafka3', 'kafka3Controller'],
];

/** `kafka`, or `kafka-1`, `kafka-2`, … */
export const brokerNames = ({ brokers }: Shape): string[] =>
  PORTS.slice(0, brokers).map((_, i) => (brokers === 1 ? 'kafka' : `kafka-${i + 1}`));

export function createKafka({ root, stateDir, ports }: LocalConfig, shape: Shape): LocalKafka {
  // Beside the programs, which are the checkout's.
  const dir = join(stateDir, 'brokers');
  const fetching = { pom: join(root, 'ops/local/kafka/pom.xml'), dir: join(root, '.local/kafka') };
  const portNames = PORTS.slice(0, shape.brokers);
  const names = brokerNames(shape);
  const brokers = portNames.map(([port, controllerPort], i): LocalBroker => {
    const id = i + 1;
    return {
      name: names[i] ?? '',
      node: { id, port: ports[port].port, controllerPort: ports[controllerPort].port },
      logPath: brokerLogPath(dir, id),
      find: () => findEmbeddedBroker(dir, id),
    };
  });
  const findAll = () => brokers.flatMap(({ find }) => find() ?? []);

  async function raise(): Promise<string> {
    const before = new Map(findAll().map((broker) => [broker.id, broker]));
    // One that was stopped goes on; the others do not notice.
    const stopped = [...before.values()].filter(({ pid }) => readStat(pid)?.state === 'T');
    for (const { pid } of stopped) process.kill(pid, 'SIGCONT');
    // All know the ports of all.
    const moves = brokers.some(({ node }) => isElsewhere(before.get(node.id), node));
    if (moves) await Promise.all([...before.values()].map((broker) => broker.stop()));
    const nodes = brokers.map(({ node }) => node);
    await startEmbeddedKafka({ dir, programs: await fetchKafka(fetching), nodes, lifetime: 'detached' });
    return await describeEach(brokers, async ({ node, find }) => {
      const was = before.get(node.id);
      if (isElsewhere(was, node)) return `moved from port ${was?.port} to ${node.port}`;
      if (find()?.pid !== was?.pid) return `started on port ${node.port}`;
      const isWoken = stopped.some(({ id }) => id === node.id);
      return isWoken ? `was stopped by a signal and goes on, on port ${node.port}` : `runs on port ${node.port}`;
    });
  }

  return {
    name: 'kafka',
    dir,
    brokers,
    addresses: () => brokers.map(({ node, find }) => `127.0.0.1:${find()?.port ?? node.port}`),
    async prepare(steps) {
      if (isKafkaFetched(fetching)) return;
      await steps.run('kafka', async () => {
        await fetchKafka(fetching);
        return `fetched into ${fetching.dir}`;
      });
    },
    settle: async () => {},
    isRunning: () => findAll().length > 0,
    missingPorts() {
      const held = new Set(findAll().flatMap((broker) => [broker.port, broker.controllerPort]));
      const wanted = portNames.flatMap((pair) => pair.map((name) => ports[name]));
      return wanted.filter(({ port }) => !held.has(port));
    },
    raise: (steps) => steps.run('kafka', raise),
    async end() {
      await Promise.all(findAll().map((broker) => broker.stop()));
      return 'ended';
    },
  };
}

const isElsewhere = (broker: EmbeddedBroker | undefined, { port, controllerPort }: KafkaNode) =>
  broker !== undefined && (broker.port !== port || broker.controllerPort !== controllerPort);
