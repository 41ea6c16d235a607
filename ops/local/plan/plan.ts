import type { DatabaseName } from '@tally/sql/databases';

/** What should run, as data. `up` writes it, and the supervisor keeps it running. */
export interface Plan {
  /** Working folder of every process: the checkout. */
  readonly root: string;
  readonly stateDir: string;
  /** Size at which a log is cut. */
  readonly maxLogBytes: number;
  /**
   * URL of each database on its own server, not on a pgbouncer. If the log is on Kafka, its URL is
   * `kafka://host:port,host:port`.
   */
  readonly urls: Readonly<Record<DatabaseName, string>>;
  /**
   * In the order in which they start. They end in the reverse order, so that a caller ends before what it calls; the
   * instances of a service end together.
   */
  readonly processes: readonly PlannedProcess[];
  /** Names of processes that are not restarted when they end. Fault experiments set it. */
  readonly held?: readonly string[];
  /** Names of processes that `up` adds after the databases are migrated. They stay here if `up` fails before that. */
  readonly pending?: readonly string[];
}

/** The one description of every part: PostgreSQL, Kafka, Redis, pgbouncer, Prometheus and the services. */
export interface PlannedProcess {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Files with its settings: the text of each by its path. They are written before each start. */
  readonly files?: Readonly<Record<string, string>>;
  /** Folder of PostgreSQL's data. A pid file that a killed server left there is removed before each start. */
  readonly postgresData?: string;
  readonly ports: readonly PlannedPort[];
  /**
   * Where to ask whether it is ready. The scheme says what is asked. `http://` must answer 200, `redis://` must answer
   * a PING, and `postgres://` must answer a query. A broker at `kafka://` must know all brokers of its cluster.
   */
  readonly readyUrl: string;
  readonly logPath: string;
  /** The signal that asks it to end; SIGTERM by default. */
  readonly stopSignal?: NodeJS.Signals;
  /** Time from that signal to SIGKILL. */
  readonly stopLimitMs: number;
  /** A hash of its command, environment, settings and code. A running process with another fingerprint is replaced. */
  readonly fingerprint: string;
}

export interface PlannedPort {
  readonly port: number;
  /** The environment variable that moves it. */
  readonly variable: string;
  readonly purpose: string;
}

/**
 * Finds the candidate that has the name and the fingerprint of a planned process. A process that was started from other
 * code or another configuration has another fingerprint, so it is not found.
 */
export function findPlanned<T extends Pick<PlannedProcess, 'name' | 'fingerprint'>>(
  candidates: readonly T[],
  planned: Pick<PlannedProcess, 'name' | 'fingerprint'>,
): T | undefined {
  return candidates.find(({ name, fingerprint }) => name === planned.name && fingerprint === planned.fingerprint);
}

/** Returns the addresses at which the instances of a service answer gRPC. */
export function grpcAddresses({ processes }: Plan, service: string): string[] {
  const instances = processes.filter(({ name }) => serviceOf(name) === service);
  const ports = instances.flatMap((each) => each.ports.filter(({ purpose }) => purpose === 'gRPC'));
  return ports.map(({ port }) => `127.0.0.1:${port}`);
}

/** Groups neighbours in the list that are instances of the same program. The processes of a group may end together. */
export function groupInstances<T extends { readonly name: string }>(processes: readonly T[]): T[][] {
  const groups: T[][] = [];
  for (const each of processes) {
    const last = groups.at(-1);
    if (last !== undefined && serviceOf(last[0]!.name) === serviceOf(each.name)) last.push(each);
    else groups.push([each]);
  }
  return groups;
}

/** Returns the name of a service by the name of one of its instances: `loms` for `loms` and for `loms-2`. */
export function serviceOf(processName: string): string {
  return processName.replace(/-\d+$/, '');
}
