import { type Clock, sleep } from '@tally/platform/concurrency';
import type { Log } from '@tally/platform/telemetry';

import { type Plan, type PlannedProcess, findPlanned, groupInstances } from '../plan/plan.ts';

/** A process that the supervisor started. */
export interface Child {
  readonly pid: number;
  /** Resolves when it has ended, with `exit code N` or the name of the signal. */
  readonly exited: Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

interface SupervisorDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Throws when the program cannot be started at all. */
  readonly spawn: (plan: Plan, planned: PlannedProcess) => Child;
  /** Called after every change. */
  readonly onChange: (keepings: readonly Keeping[]) => void;
}

/** What the supervisor knows of a process that it keeps running. */
export interface Keeping {
  readonly name: string;
  readonly fingerprint: string;
  /** How often it ended by itself. A restart follows each time. */
  readonly restarts: number;
  /** How it ended last: `exit code 1`, `SIGKILL`. */
  readonly lastEnd: string | undefined;
}

/** Keeps the processes of a plan running until it is stopped. */
interface Supervisor {
  /** Makes what runs equal to the plan: ends processes that left it or changed, and starts new ones. */
  follow(plan: Plan): Promise<void>;
  /** Ends all processes, callers before the services that they call. */
  stop(): Promise<void>;
}

interface Keeper {
  readonly name: string;
  readonly planned: PlannedProcess;
  readonly keeping: () => Keeping;
  /** While it is held, a process that has ended is not restarted. */
  readonly hold: (isHeld: boolean) => void;
  readonly end: () => Promise<void>;
}

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;
/** When a process that ran for this long ends, the cause is taken to be a new one, and its back-off begins again. */
const STABLE_MS = 30_000;

/** Returns the pause before the next start, after this many failures in a row. It doubles with each, up to a limit. */
export function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
}

export function createSupervisor(deps: SupervisorDeps): Supervisor {
  // In the order of their start.
  let keepers: Keeper[] = [];
  const report = () => deps.onChange(keepers.map((keeper) => keeper.keeping()));

  const endAll = async (ending: readonly Keeper[]) => {
    for (const group of groupInstances(ending.toReversed())) {
      await Promise.all(group.map((keeper) => keeper.end()));
      keepers = keepers.filter((kept) => !group.includes(kept));
    }
  };

  return {
    async follow(plan) {
      await endAll(keepers.filter(({ planned }) => findPlanned(plan.processes, planned) === undefined));
      keepers = plan.processes.map(
        (planned) => keepers.find((keeper) => keeper.name === planned.name) ?? startKeeper(deps, plan, planned, report),
      );
      for (const keeper of keepers) keeper.hold(plan.held?.includes(keeper.name) === true);
      report();
    },
    async stop() {
      await endAll(keepers);
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
  let isHeld = false;

  const run = async () => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const startedAtMs = clock.nowMs();
      lastEnd = await runOnce(deps, plan, planned, stopping.signal);
      if (stopping.signal.aborted) break;
      failures = clock.nowMs() - startedAtMs >= STABLE_MS ? 1 : failures + 1;
      const delayMs = backoffMs(failures);
      log('warn', { end: lastEnd, delayMs }, 'the process ended by itself and is restarted');
      restarts += 1;
      report();
      // While the process is held, one pause follows another.
      do await sleep(clock, delayMs, stopping.signal).catch(() => {});
      while (isHeld && !stopping.signal.aborted);
    }
    log('info', { end: lastEnd }, 'the process has ended, as it was asked to');
  };
  const running = run();

  return {
    name,
    planned,
    keeping: () => ({ name, fingerprint, restarts, lastEnd }),
    hold: (held) => {
      isHeld = held;
    },
    end: () => {
      stopping.abort();
      return running;
    },
  };
}

/**
 * Starts a process, waits until it has ended, and returns how it ended. When `signal` aborts, the process gets its stop
 * signal, and SIGKILL when it has not ended within its limit.
 */
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
    log.error({ process: planned.name, error }, 'the process cannot be started');
    return error instanceof Error ? error.message : String(error);
  }
  log.info({ process: planned.name, childPid: child.pid }, 'started');
  let cancelKill = () => {};
  const onAbort = () => {
    child.kill(planned.stopSignal ?? 'SIGTERM');
    // A process that is stopped (state T) handles the signal only when it continues.
    child.kill('SIGCONT');
    cancelKill = clock.schedule(planned.stopLimitMs, () => {
      log.warn(
        { process: planned.name, limitMs: planned.stopLimitMs },
        'the process did not end in time and is killed',
      );
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
