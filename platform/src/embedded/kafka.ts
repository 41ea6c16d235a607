import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { AppError } from '../errors/index.ts';
import {
  type StartedProcess,
  freePort,
  hasEnded,
  isAlive,
  listPids,
  readCommand,
  readLastLines,
  startDetached,
  toStarted,
} from './programs/process.ts';

/** A broker of an embedded cluster; it is a controller too. */
export interface KafkaNode {
  /** 1, 2, 3, … */
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
}

/** A real Apache Kafka 4 in KRaft mode, without containers: one process a broker. */
export interface EmbeddedKafkaOptions {
  /** Holds a folder for each broker: its data, its settings and its log. */
  readonly dir: string;
  /** Of `fetchKafka`. */
  readonly programs: KafkaPrograms;
  /** All brokers of the cluster; three replicate everything. */
  readonly nodes: readonly KafkaNode[];
  /** `parent`: it dies with this process, whatever happens to it. `detached`: it lives on. */
  readonly lifetime: 'parent' | 'detached';
}

export interface EmbeddedBroker extends StartedProcess {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  /** Hands its partitions over, closes its files, waits until the process is gone; killed when that takes too long. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. Waits until it is gone. */
  kill(): Promise<void>;
}

/** What a broker is run with. */
export interface KafkaPrograms {
  readonly java: string;
  readonly jarsDir: string;
  /** Classes as the JVM keeps them in memory: without it a start takes three times as long. */
  readonly archive: string;
}

export interface FetchOptions {
  /** The pom that names the jars. */
  readonly pom: string;
  /** Where they are kept. */
  readonly dir: string;
}

const MIN_JAVA_VERSION = 17;
const FETCH_LIMIT_MS = 300_000;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;
const CONNECT_LIMIT_MS = 2_000;
const POLL_MS = 50;
const MAX_HEAP_MIB = 128;
const KAFKA_ENV = { LANG: 'C.UTF-8' };
// The cluster is known by it; every cluster has a folder and ports of its own.
const CLUSTER_ID = 'dGFsbHktZW1iZWRkZWQtMQ';
const INSTALL_JAVA = 'Kafka needs Java 17 or newer: install it (on Debian: apt-get install openjdk-17-jre-headless).';
const INSTALL_MAVEN = 'Kafka is fetched by Maven: install it once (on Debian: apt-get install maven).';

/** What is missing on this machine to run Kafka, in one sentence; undefined when nothing is. */
export function missingForKafka({ pom, dir }: FetchOptions): string | undefined {
  const java = Bun.which('java');
  if (java === null || javaVersion(java) < MIN_JAVA_VERSION) return INSTALL_JAVA;
  return Bun.which('mvn') === null && !areJarsFetched(pom, dir) ? INSTALL_MAVEN : undefined;
}

/** Whether `fetchKafka` has nothing to do. */
export function isKafkaFetched({ pom, dir }: FetchOptions): boolean {
  return areJarsFetched(pom, dir) && existsSync(join(dir, 'classes.jsa'));
}

/**
 * Fetches the jars once, and once makes the archive of classes. Throws one AppError that says what to install where Java
 * or Maven is missing.
 */
export async function fetchKafka(options: FetchOptions): Promise<KafkaPrograms> {
  const missing = missingForKafka(options);
  if (missing !== undefined) throw new AppError('failed-precondition', missing);
  const { pom, dir } = options;
  const programs = { java: Bun.which('java') ?? 'java', jarsDir: join(dir, 'jars'), archive: join(dir, 'classes.jsa') };
  if (!areJarsFetched(pom, dir)) await fetchJars(pom, dir);
  if (!existsSync(programs.archive)) await makeArchive(programs, dir);
  return programs;
}

/** Starts every broker that does not run, making its files first where there are none; waits until all serve. */
export async function startEmbeddedKafka(options: EmbeddedKafkaOptions): Promise<EmbeddedBroker[]> {
  await prepareKafka(options);
  const brokers = options.nodes.map((node) => findEmbeddedBroker(options.dir, node.id) ?? launch(options, node));
  await untilReady(options, brokers);
  return brokers;
}

/** Starts one broker of the cluster again. Where it is the only one, it serves when this returns. */
export async function startEmbeddedBroker(options: EmbeddedKafkaOptions, id: number): Promise<EmbeddedBroker> {
  const node = options.nodes.find((candidate) => candidate.id === id);
  if (node === undefined) throw new AppError('invalid-argument', `the cluster has no broker ${id}`);
  await prepareNode(options, node);
  const broker = findEmbeddedBroker(options.dir, id) ?? launch(options, node);
  if (options.nodes.length === 1) await untilReady(options, [broker]);
  return broker;
}

/**
 * The running broker of this folder; undefined when none runs. It is known by its command line, which names its settings:
 * no pid file can be stale, or about another process.
 */
export function findEmbeddedBroker(dir: string, id: number): EmbeddedBroker | undefined {
  const { settings } = toPaths(dir, id);
  const pid = listPids().find((candidate) => isBroker(candidate, settings));
  return pid === undefined ? undefined : toBroker(pid, id, settings);
}

/** Returns whether a broker answers on this port and knows this many brokers; each of two questions has this limit. */
export function isBrokerThere(port: number, limitMs: number, brokers = 1): Promise<boolean> {
  return knowsAll(port, brokers, limitMs);
}

/** Where a broker writes its log. */
export function brokerLogPath(dir: string, id: number): string {
  return toPaths(dir, id).log;
}

/** How one broker of a cluster is run. */
export interface BrokerCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Its settings, as a text by path. They must be written before the start. */
  readonly files: Readonly<Record<string, string>>;
  readonly logPath: string;
}

export function toBrokerCommand(options: EmbeddedKafkaOptions, node: KafkaNode): BrokerCommand {
  const { log: logPath, settings } = toPaths(options.dir, node.id);
  return {
    command: [options.programs.java, ...javaOptions(options.programs), 'kafka.Kafka', settings],
    env: KAFKA_ENV,
    files: { [settings]: toProperties(options, node) },
    logPath,
  };
}

/** Creates the data folder of every broker that has none. */
export async function prepareKafka(options: EmbeddedKafkaOptions): Promise<void> {
  await Promise.all(options.nodes.map((node) => prepareNode(options, node)));
}

function toBroker(pid: number, id: number, settings: string): EmbeddedBroker {
  const broker = { id, ...toStarted(pid) };
  const end = async (signal: NodeJS.Signals): Promise<boolean> => {
    if (isAlive(broker)) process.kill(pid, signal);
    return await hasEnded(broker, STOP_LIMIT_MS);
  };
  const kill = async () => {
    if (!(await end('SIGKILL'))) throw new AppError('unavailable', `Kafka (pid ${pid}) does not end`);
  };
  return {
    ...broker,
    ...readPorts(settings),
    kill,
    async stop() {
      if (!(await end('SIGTERM'))) await kill();
    },
  };
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

function readPorts(settings: string): { readonly port: number; readonly controllerPort: number } {
  const [, port, controllerPort] =
    /^listeners=PLAINTEXT:.*:(\d+),CONTROLLER:.*:(\d+)$/m.exec(readFileSync(settings, 'utf8')) ?? [];
  return { port: Number(port), controllerPort: Number(controllerPort) };
}

const isBroker = (pid: number, settings: string) => readCommand(pid)?.endsWith(` kafka.Kafka ${settings}`) === true;

async function prepareNode(options: EmbeddedKafkaOptions, node: KafkaNode): Promise<void> {
  const { folder, data, settings } = toPaths(options.dir, node.id);
  if (findEmbeddedBroker(options.dir, node.id) !== undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(settings, toProperties(options, node));
  if (existsSync(join(data, 'meta.properties'))) return;
  // A half-made one of a killed start would never work.
  rmSync(data, { recursive: true, force: true });
  await format(options.programs, settings);
}

async function format(programs: KafkaPrograms, settings: string): Promise<void> {
  const args = [...javaOptions(programs), 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', settings];
  await run([programs.java, ...args], START_LIMIT_MS, 'Kafka could not make its data folder');
}

function launch(options: EmbeddedKafkaOptions, node: KafkaNode): EmbeddedBroker {
  const { command, env, logPath } = toBrokerCommand(options, node);
  const wrapped = options.lifetime === 'parent' ? ['setpriv', '--pdeathsig=KILL', ...command] : command;
  return toBroker(startDetached(wrapped, { env, logPath }).pid, node.id, toPaths(options.dir, node.id).settings);
}

/** Small, and quick to start: the serial collector, only the first compiler, classes from the archive. */
function javaOptions({ jarsDir, archive }: Pick<KafkaPrograms, 'jarsDir'> & { archive?: string }): string[] {
  // Named one by one, in order: the archive holds only for the very same class path.
  const jars = readdirSync(jarsDir)
    .filter((name) => name.endsWith('.jar'))
    .toSorted();
  return [
    `-Xmx${MAX_HEAP_MIB}m`,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:-UsePerfData',
    ...(archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`]),
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    '-cp',
    jars.map((name) => join(jarsDir, name)).join(':'),
  ];
}

/**
 * What differs from Kafka's defaults. A dead broker is noticed after 3 s instead of 9; a group's first member does not wait
 * for others; buffers are small, of which the cleaner's alone would be 128 MiB.
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
 * A broker's port opens before it serves, and one that lost its likes goes on telling of them: each is asked until it
 * knows all.
 */
async function untilReady(
  { dir, nodes }: EmbeddedKafkaOptions,
  brokers: readonly (StartedProcess & { readonly id: number })[],
): Promise<void> {
  const untilMs = Date.now() + START_LIMIT_MS;
  const isReady = async () =>
    (await Promise.all(nodes.map((node) => knowsAll(node.port, nodes.length)))).every(Boolean);
  while (!(await isReady())) {
    const dead = brokers.find((broker) => !isAlive(broker));
    if (dead !== undefined) {
      throw new AppError('unavailable', `Kafka did not start: ${readLastLines(brokerLogPath(dir, dead.id))}`);
    }
    if (Date.now() > untilMs) throw new AppError('unavailable', 'Kafka does not answer');
    await Bun.sleep(POLL_MS);
  }
}

async function knowsAll(port: number, wanted: number, limitMs = CONNECT_LIMIT_MS): Promise<boolean> {
  const { Admin } = await import('@platformatic/kafka');
  const admin = new Admin({
    clientId: 'tally-start',
    bootstrapBrokers: [`127.0.0.1:${port}`],
    connectTimeout: limitMs,
    requestTimeout: limitMs,
    retries: 0,
  });
  try {
    const { brokers } = await admin.metadata({ topics: [] });
    return brokers.size >= wanted;
  } catch {
    return false;
  } finally {
    await admin.close().catch(() => {});
  }
}

function areJarsFetched(pom: string, dir: string): boolean {
  const stamp = join(dir, 'jars', 'pom.xml');
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === readFileSync(pom, 'utf8');
}

/** Fetched beside and then renamed: another process may do the same at the same moment. */
async function fetchJars(pom: string, dir: string): Promise<void> {
  const fresh = join(dir, `jars.${process.pid}-${randomUUID().slice(0, 8)}`);
  mkdirSync(fresh, { recursive: true });
  try {
    await run(
      ['mvn', '-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${fresh}`],
      FETCH_LIMIT_MS,
      'Maven could not fetch Kafka; does its repository answer? It said',
    );
    writeFileSync(join(fresh, 'pom.xml'), readFileSync(pom));
    if (areJarsFetched(pom, dir)) return;
    rmSync(join(dir, 'jars'), { recursive: true, force: true });
    rmSync(join(dir, 'classes.jsa'), { force: true });
    renameSync(fresh, join(dir, 'jars'));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Runs a broker for a moment, which writes the archive as it ends. Without one everything works, only slower. */
async function makeArchive(programs: KafkaPrograms, dir: string): Promise<void> {
  const id = `${process.pid}-${randomUUID().slice(0, 8)}`;
  const making = { folder: join(dir, `making.${id}`), archive: join(dir, `classes.${id}.jsa`) };
  const node = { id: 1, port: freePort(), controllerPort: freePort() };
  const options = { dir: making.folder, programs, nodes: [node], lifetime: 'parent' } as const;
  try {
    await prepareNode(options, node);
    const { settings } = toPaths(making.folder, node.id);
    const archiving = [...javaOptions({ jarsDir: programs.jarsDir }), `-XX:ArchiveClassesAtExit=${making.archive}`];
    const broker = Bun.spawn([programs.java, ...archiving, 'kafka.Kafka', settings], {
      stdio: ['ignore', 'ignore', 'ignore'],
      cwd: '/',
    });
    try {
      await untilReady(options, [{ id: node.id, ...toStarted(broker.pid) }]);
      broker.kill('SIGTERM');
      await broker.exited;
    } finally {
      broker.kill('SIGKILL');
    }
    renameSync(making.archive, programs.archive);
  } finally {
    rmSync(making.folder, { recursive: true, force: true });
  }
}

function javaVersion(java: string): number {
  const { stderr } = Bun.spawnSync([java, '-version'], { stderr: 'pipe', stdout: 'ignore' });
  return Number(/version "(\d+)/.exec(stderr.toString())?.[1] ?? 0);
}

/** Throws one AppError with what the command said last. */
async function run(command: string[], limitMs: number, failure: string): Promise<void> {
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', timeout: limitMs });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) === 0) return;
  const said = `${out}\n${error}`.trim().split('\n').slice(-3).join(' | ');
  throw new AppError('failed-precondition', `${failure}: ${said}`);
}
