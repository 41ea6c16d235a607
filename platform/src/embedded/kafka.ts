import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runCommand } from './programs/command.ts';
import type { Program } from './programs/debian.ts';
import { type Server, type ServerKind, launchServer, readLastLines, untilReady } from './server.ts';

/** A broker of an embedded cluster. Each broker is a controller too. */
interface KafkaNode {
  /** Its id in the cluster: 1, 2, 3, … */
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
}

/** What a broker is run with. */
export interface KafkaPrograms {
  readonly java: Program;
  readonly jarsDir: string;
  /**
   * Path of an archive of loaded classes, without which a start takes three times as long. If the file is missing, a
   * broker writes it when it ends.
   */
  readonly archive: string;
}

/** How an embedded cluster is run. It is a real Apache Kafka 4 in KRaft mode, with one process for each broker. */
export interface EmbeddedKafkaOptions {
  /** Folder that holds a folder for each broker with its data, its settings and its log. */
  readonly dir: string;
  /** Returned by `fetchKafka`. */
  readonly programs: KafkaPrograms;
  /** All brokers of the cluster. Three of them replicate everything. */
  readonly nodes: readonly KafkaNode[];
}

export interface EmbeddedBroker extends Server, KafkaNode {}

const KAFKA: ServerKind = {
  name: 'Kafka',
  stopSignal: 'SIGTERM',
  deathSignal: 'KILL',
  startLimitMs: 60_000,
  stopLimitMs: 20_000,
};
const CONNECT_LIMIT_MS = 2_000;
const MAX_HEAP_MIB = 128;
// All clusters can have the same id, because each has a folder and ports of its own.
const CLUSTER_ID = 'dGFsbHktZW1iZWRkZWQtMQ';

/**
 * Starts the brokers of a cluster, or only those in `nodes`, and creates their files if there are none. If it starts
 * all of them, it waits until they serve; otherwise it does not wait. They end when this process ends.
 */
export async function startEmbeddedKafka(
  options: EmbeddedKafkaOptions,
  nodes: readonly KafkaNode[] = options.nodes,
): Promise<EmbeddedBroker[]> {
  const brokers = await Promise.all(nodes.map((node) => startNode(options, node)));
  if (nodes.length === options.nodes.length) await untilAllServe(options, brokers);
  return brokers;
}

/** How one broker of a cluster is run. */
interface BrokerCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Files with its settings: the text of each by its path. They must be written before the start. */
  readonly files: Readonly<Record<string, string>>;
  readonly logPath: string;
}

/** Returns how a broker is run. `prepareKafka` must have created its data folder before it starts. */
export function toBrokerCommand({ dir, programs, nodes }: EmbeddedKafkaOptions, node: KafkaNode): BrokerCommand {
  const { log: logPath, settings } = toPaths(dir, node.id);
  const writeArchive = existsSync(programs.archive) ? [] : [`-XX:ArchiveClassesAtExit=${programs.archive}`];
  return {
    command: [...toJavaCommand(programs, writeArchive), 'kafka.Kafka', settings],
    env: toEnv(programs),
    files: { [settings]: toProperties({ dir, nodes }, node) },
    logPath,
  };
}

/** Creates the data folder of every broker that has none. */
export async function prepareKafka(options: EmbeddedKafkaOptions): Promise<void> {
  await Promise.all(options.nodes.map((node) => prepareNode(options, node)));
}

/**
 * Returns whether a broker answers on a port and knows at least `brokers` brokers. It waits for at most 2 × `limitMs`.
 */
export async function isBrokerThere(port: number, limitMs: number, brokers = 1): Promise<boolean> {
  const { Admin } = await import('@platformatic/kafka');
  const admin = new Admin({
    clientId: 'tally-start',
    bootstrapBrokers: [`127.0.0.1:${port}`],
    connectTimeout: limitMs,
    requestTimeout: limitMs,
    retries: 0,
  });
  try {
    const metadata = await admin.metadata({ topics: [] });
    return metadata.brokers.size >= brokers;
  } catch {
    return false;
  } finally {
    await admin.close().catch(() => {});
  }
}

const toPaths = (dir: string, id: number) => {
  const folder = join(dir, String(id));
  return {
    folder,
    data: join(folder, 'data'),
    settings: join(folder, 'kafka.properties'),
    log: join(folder, 'kafka.log'),
  };
};

const toEnv = ({ java }: KafkaPrograms) => ({ LANG: 'C.UTF-8', ...java.env });

async function startNode(options: EmbeddedKafkaOptions, node: KafkaNode): Promise<EmbeddedBroker> {
  await prepareNode(options, node);
  const server = launchServer(KAFKA, toBrokerCommand(options, node));
  // A broker hands its partitions over before it ends. One that takes too long is killed.
  return { ...server, ...node, stop: () => server.stop().catch(() => server.kill()) };
}

async function prepareNode(options: EmbeddedKafkaOptions, node: KafkaNode): Promise<void> {
  const { folder, data, settings } = toPaths(options.dir, node.id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(settings, toProperties(options, node));
  if (existsSync(join(data, 'meta.properties'))) return;
  // A start that was killed may have left an incomplete folder, which Kafka would not accept.
  rmSync(data, { recursive: true, force: true });
  await format(options.programs, settings);
}

async function format(programs: KafkaPrograms, settings: string): Promise<void> {
  const args = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', settings];
  await runCommand([...toJavaCommand(programs), ...args], {
    env: toEnv(programs),
    signal: AbortSignal.timeout(KAFKA.startLimitMs),
    failure: 'Kafka could not create its data folder',
  });
}

/**
 * Returns the beginning of a command that runs a class of Kafka. It starts fast, because it uses the serial garbage
 * collector, no compiler but C1, and the archived classes.
 */
function toJavaCommand({ java, jarsDir, archive }: KafkaPrograms, options: readonly string[] = []): string[] {
  // The archive is valid only for the very same class path, so the jars are named one by one, in order.
  const jars = readdirSync(jarsDir)
    .filter((name) => name.endsWith('.jar'))
    .toSorted();
  return [
    java.path,
    `-Xmx${MAX_HEAP_MIB}m`,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:-UsePerfData',
    ...(existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []),
    ...options,
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    '-cp',
    jars.map((name) => join(jarsDir, name)).join(':'),
  ];
}

/**
 * Returns the settings that differ from Kafka's defaults. A dead broker is noticed after 3 s instead of 9, a group's
 * first member does not wait for others, and buffers are small: the log cleaner's alone would take 128 MiB.
 */
function toProperties({ dir, nodes }: Pick<EmbeddedKafkaOptions, 'dir' | 'nodes'>, node: KafkaNode): string {
  const replicas = Math.min(3, nodes.length);
  const minInSync = replicas === 3 ? 2 : 1;
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'controller.quorum.voters': nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${node.port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': toPaths(dir, node.id).data,
    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': minInSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minInSync,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': minInSync,
    'share.coordinator.state.topic.num.partitions': 4,
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'log.cleaner.dedupe.buffer.size': 2_097_152,
    'log.cleaner.io.buffer.size': 65_536,
    'socket.send.buffer.bytes': 65_536,
    'socket.receive.buffer.bytes': 65_536,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/**
 * Waits until every broker serves. A broker opens its port before it serves, and for a while it also reports brokers
 * that are gone, so the answer of one broker is not enough. Each broker is asked until it knows all of them.
 */
async function untilAllServe({ dir, nodes }: EmbeddedKafkaOptions, brokers: readonly EmbeddedBroker[]): Promise<void> {
  const isReady = async () => {
    const answers = await Promise.all(nodes.map(({ port }) => isBrokerThere(port, CONNECT_LIMIT_MS, nodes.length)));
    return answers.every(Boolean);
  };
  await untilReady(KAFKA, brokers, isReady, ({ pid }) => {
    const { id } = brokers.find((broker) => broker.pid === pid) ?? { id: 1 };
    return readLastLines(toPaths(dir, id).log);
  });
}
