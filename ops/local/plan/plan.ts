/** What should run, as data: the supervisor keeps it running, whoever wrote it. */
export interface Plan {
  /** Working folder of all processes: the checkout. */
  readonly root: string;
  readonly stateDir: string;
  readonly maxLogBytes: number;
  /** Logs of programs that the supervisor does not start, kept within the same bound. */
  readonly otherLogs: readonly string[];
  /** In the order of their start. They end in the reverse order, one after another: callers before those they call. */
  readonly processes: readonly PlannedProcess[];
}

export interface PlannedProcess {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Settings that it reads: text by path, written before each start. */
  readonly files?: Readonly<Record<string, string>>;
  readonly ports: readonly PlannedPort[];
  /** `http://…` answers 200 when it serves callers, else the reason; `redis://…` a PING, `postgres://…` a query. */
  readonly readyUrl: string;
  readonly logPath: string;
  /** From SIGTERM to SIGKILL. */
  readonly stopLimitMs: number;
  /** Changes with its command, its environment and its code: a process of another one is replaced. */
  readonly fingerprint: string;
}

export interface PlannedPort {
  readonly port: number;
  /** The variable that moves it. */
  readonly variable: string;
  readonly purpose: string;
}

/** Where the instances of a service answer gRPC. */
export function grpcAddresses({ processes }: Plan, service: string): string[] {
  const instances = processes.filter(({ name }) => name.replace(/-\d+$/, '') === service);
  const ports = instances.flatMap((each) => each.ports.filter(({ purpose }) => purpose === 'gRPC'));
  return ports.map(({ port }) => `127.0.0.1:${port}`);
}
