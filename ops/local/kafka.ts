import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';
import {
  type EmbeddedBroker,
  type KafkaNode,
  brokerLogPath,
  fetchKafka,
  findEmbeddedBroker,
  isKafkaFetched,
  missingForKafka,
  startEmbeddedKafka,
} from '@tally/platform/events';

import type { LocalConfig } from './config.ts';
import { describeStranger } from './ports.ts';
import { readStat } from './processes.ts';
import type { Steps } from './steps.ts';

/** The one broker of a state folder. */
export interface LocalKafka {
  /** Holds its data, its settings and its log. */
  readonly dir: string;
  readonly logPath: string;
  /** `host:port`: of the broker that runs, else where it would. */
  readonly address: () => string;
  /** Fetches what it is run with, once for a checkout. Comes before anything is started. */
  readonly prepare: (steps: Steps) => Promise<void>;
  readonly find: () => EmbeddedBroker | undefined;
  /** Starts it, or moves it to its configured port. */
  readonly raise: (steps: Steps) => Promise<void>;
  /** Returns what happened, in words. */
  readonly end: () => Promise<string>;
}

const ID = 1;

export function createKafka({ root, stateDir, ports }: LocalConfig): LocalKafka {
  // Beside the programs, which are the checkout's.
  const dir = join(stateDir, 'brokers');
  const fetching = { pom: join(root, 'ops/local/kafka/pom.xml'), dir: join(root, '.local/kafka') };
  const node: KafkaNode = { id: ID, port: ports.kafka.port, controllerPort: ports.kafkaController.port };
  const find = () => findEmbeddedBroker(dir, ID);

  function refuseStrangers(ownPid: number | undefined): void {
    for (const { port, variable, purpose } of [ports.kafka, ports.kafkaController]) {
      const stranger = describeStranger(port, ownPid === undefined ? [] : [ownPid]);
      if (stranger === undefined) continue;
      const message = `Port ${port} (${purpose}) is in use by ${stranger}: end that, or choose another port with ${variable}.`;
      throw new AppError('failed-precondition', message);
    }
  }

  async function raise(): Promise<string> {
    const running = find();
    refuseStrangers(running?.pid);
    if (running !== undefined && readStat(running.pid)?.state === 'T') process.kill(running.pid, 'SIGCONT');
    const moves = running !== undefined && running.port !== node.port;
    if (moves) await running.stop();
    const programs = await fetchKafka(fetching);
    const [broker] = await startEmbeddedKafka({ dir, programs, nodes: [node], lifetime: 'detached' });
    if (moves) return `moved from port ${running.port} to ${node.port}`;
    return `${broker?.pid === running?.pid ? 'runs' : 'started'} on port ${node.port}`;
  }

  return {
    dir,
    logPath: brokerLogPath(dir, ID),
    address: () => `127.0.0.1:${find()?.port ?? node.port}`,
    async prepare(steps) {
      const missing = missingForKafka(fetching);
      if (missing !== undefined) throw new AppError('failed-precondition', missing);
      if (isKafkaFetched(fetching)) return;
      await steps.run('kafka', async () => {
        await fetchKafka(fetching);
        return `fetched into ${fetching.dir}`;
      });
    },
    find,
    raise: (steps) => steps.run('kafka', raise),
    async end() {
      await find()?.stop();
      return 'ended';
    },
  };
}
