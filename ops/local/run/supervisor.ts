import { type Clock, sleep } from '@tally/platform/concurrency';
import type { Log } from '@tally/platform/telemetry';

import type { Plan, PlannedProcess } from '../plan/plan.ts';

/** A child of the supervisor. */
export interface Child {
  readonly pid: number;
  /** Resolves when it has ended, with the exit code or the signal's name. */
  readonly exited: Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

export interface SupervisorDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Throws where the program cannot be started at all. */
  readonly spawn: (plan: Plan, planned: PlannedProcess) => Child;
  /** Told after every change. */
  readonly onChange: (keepings: readonly Keeping[]) => void;
}

/** What the supervisor knows of a process that it keeps running. */
export interface Keeping {
  readonly name: string;
  readonly fingerprint: string;
  /** Times that it was started again after it had ended by itself. */
  readonly restarts: number;
  /** How it ended last: `exit code 1`, `SIGKILL`. */
  readonly lastEnd: string | undefined;
}

/** Keeps the processes of a plan running until it is stopped. */
export interface Supervisor {
  /** Makes what runs equal to the plan: ends what is gone or changed, starts what is new. */
  follow(plan: Plan): Promise<void>;
  /** Ends all, callers before those they call. */
  stop(): Promise<void>;
}

interface Keeper {
  readonly planned: PlannedProcess;
  readonly keeping: () => Keeping;
  readonly end: () => Promise<void>;
}

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;
// Whoever ran this long died of something new, so its backoff begins again.
const STABLE_MS = 30_000;

/** The pause before the start that follows this many failures in a row: doubles up to its limit, and never gives up. */
export function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
}

export function createSupervisor(deps: SupervisorDeps): Supervisor {
  // In the order of their start.
  let keepers: Keeper[] = [];
  const report = () => deps.onChange(keepers.map((keeper) => keeper.keeping()));

  const endThose = async (gone: readonly Keeper[]) => {
    for (const keeper of gone.toReversed()) {
      await keeper.end();
      keepers = keepers.filter((kept) => kept !== keeper);
    }
  };

  return {
    async follow(plan) {
      const isPlanned = ({ planned }: Keeper) =>
        plan.processes.some(({ name, fingerprint }) => name === planned.name && fingerprint === planned.fingerprint);
      await endThose(keepers.filter((keeper) => !isPlanned(keeper)));
      keepers = plan.processes.map(
        (planned) =>
          keepers.find((keeper) => keeper.planned.name === planned.name) ?? startKeeper(deps, plan, planned, report),
      );
      report();
    },
    async stop() {
      await endThose(keepers);
      report();
    },
  };
}

function startKeeper(deps: SupervisorDeps, plan: Plan, planned: PlannedProcess, report: () => void): Keeper {
  const { clock } = deps;
  const { name, fingerprint } = planned;
  const log = (level: 'info' | 'warn', values: object, message: string) =>
    deps.log[level]({ process: name, ...values }, message);
  const stopping = new AbortController();
  let restarts = 0;
  let lastEnd: string | undefined;

  const run = async () => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const startedAtMs = clock.nowMs();
      lastEnd = await runOnce(deps, plan, planned, stopping.signal);
      if (stopping.signal.aborted) break;
      failures = clock.nowMs() - startedAtMs >= STABLE_MS ? 1 : failures + 1;
      const delayMs = backoffMs(failures);
      log('warn', { end: lastEnd, delayMs }, 'it ended by itself and is started again');
      restarts += 1;
      report();
      await sleep(clock, delayMs, stopping.signal).catch(() => {});
    }
    log('info', { end: lastEnd }, 'ended as asked');
  };
  const running = run();

  return {
    planned,
    keeping: () => ({ name, fingerprint, restarts, lastEnd }),
    end: () => {
      stopping.abort();
      return running;
    },
  };
}

/** One life of a process. When asked to stop it gets SIGTERM, and SIGKILL after its limit. */
async function runOnce(
  { clock, log, spawn }: SupervisorDeps,
  plan: Plan,
  planned: PlannedProcess,
  signal: AbortSignal,
): Promise<string> {
  let child: Child;
  try {
    child = spawn(plan, planned);
  } catch (error) {
    log.error({ process: planned.name, error }, 'it cannot be started');
    return error instanceof Error ? error.message : String(error);
  }
  log.info({ process: planned.name, childPid: child.pid }, 'started');
  let cancelKill = () => {};
  const onAbort = () => {
    child.kill('SIGTERM');
    // One that is stopped would not see it.
    child.kill('SIGCONT');
    cancelKill = clock.schedule(planned.stopLimitMs, () => {
      log.warn({ process: planned.name, limitMs: planned.stopLimitMs }, 'did not end in time and is killed');
      child.kill('SIGKILL');
    });
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await child.exited;
  } finally {
    signal.removeEventListener('abort', onAbort);
    cancelKill();
  }
}
