import type { DatabaseName } from '@tally/sql/databases';

/** What should run, as data. `up` writes it, and the supervisor keeps it running. */
export interface Plan {
  /** Working folder of every process: the checkout. */
  readonly root: string;
  readonly stateDir: string;
  /** Size at which a log is cut. */
  readonly maxLogBytes: number;
  /** Where the data is, without pgbouncer: URLs of PostgreSQL, and for a log on Kafka `kafka://host:port,host:port`. */
  readonly urls: Readonly<Record<DatabaseName, string>>;
  /** In the order of their start. They end in the reverse order, so that callers end first; instances end together. */
  readonly processes: readonly PlannedProcess[];
  /** Names of processes that stay down when they end. Fault experiments use it. */
  readonly held?: readonly string[];
}

/** The one description of every part: PostgreSQL, Kafka, Redis, pgbouncer, Prometheus and the services. */
export interface PlannedProcess {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Settings that it reads, as a text by path. They are written before each start. */
  readonly files?: Readonly<Record<string, string>>;
  /** Folder of PostgreSQL's data. A pid file that a killed server left there is removed before each start. */
  readonly postgresData?: string;
  readonly ports: readonly PlannedPort[];
  /** What it answers when it is ready: `http://` with 200, `redis://` a PING, `postgres://` a query, `kafka://` a call. */
  readonly readyUrl: string;
  readonly logPath: string;
  /** The signal that asks it to end; SIGTERM by default. */
  readonly stopSignal?: NodeJS.Signals;
  /** Time from that signal to SIGKILL. */
  readonly stopLimitMs: number;
  /** Changes with its command, environment, settings and code. A process with another fingerprint is replaced. */
  readonly fingerprint: string;
}

export interface PlannedPort {
  readonly port: number;
  /** The environment variable that moves it. */
  readonly variable: string;
  readonly purpose: string;
}

/** Returns the addresses at which the instances of a service answer gRPC. */
export function grpcAddresses({ processes }: Plan, service: string): string[] {
  const instances = processes.filter(({ name }) => serviceOf(name) === service);
  const ports = instances.flatMap((each) => each.ports.filter(({ purpose }) => purpose === 'gRPC'));
  return ports.map(({ port }) => `127.0.0.1:${port}`);
}

/** Groups neighbours that are instances of the same program, which may end at the same time. */
export function groupInstances<T extends { readonly name: string }>(processes: readonly T[]): T[][] {
  const groups: T[][] = [];
  for (const each of processes) {
    const last = groups.at(-1);
    if (last !== undefined && serviceOf(last[0]!.name) === serviceOf(each.name)) last.push(each);
    else groups.push([each]);
  }
  return groups;
}

/** Returns the service of an instance: `loms` for `loms` and `loms-2`. */
export function serviceOf(processName: string): string {
  return processName.replace(/-\d+$/, '');
}
