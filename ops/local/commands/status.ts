import { type Command, runCommand } from '@tally/platform/command-line';
import { type StartedProcess, listChildren } from '@tally/platform/embedded';
import { KAFKA_SCHEME, toBrokers } from '@tally/sql/databases';

import { inWords } from '../machine/just-call.ts';
import { type OwnProcess, SUPERVISOR, findOwnProcesses, residentBytes, uptimeMs } from '../machine/processes.ts';
import { toAge, toMiB, toTable } from '../machine/table.ts';
import { type PlannedProcess, findPlanned } from '../plan/plan.ts';
import { type Fault, askReadiness, findVisibleFault, queryOnce } from '../run/health.ts';
import { describePorts } from '../run/readiness.ts';
import { readKeepings } from '../run/run-files.ts';
import type { Keeping } from '../run/supervisor.ts';
import { notStarted, readState } from '../state.ts';

/** It is long enough for a busy machine, because each process is asked only once. */
const ANSWER_LIMIT_MS = 5_000;
const HEADER = ['', 'health', 'pid', 'up for', 'memory', 'restarts', 'ports'];

const command: Command = {
  name: 'status',
  purpose: 'shows what runs, and whether it is ready.',
  notes: ['Exit codes: 0 all is well; 1 something is not, or nothing runs.'],
  run: async () => {
    const state = readState(process.env);
    const { config, files, plan } = state;
    if (plan === undefined) {
      console.log(notStarted(config));
      return 1;
    }
    const own = findOwnProcesses(config.stateDir);
    if (own.length === 0) {
      const data = state.dataDirs().join(', ');
      console.log(`Nothing runs here: ${inWords('up', config)} starts it. Its data is in ${data}.`);
      return 1;
    }
    // /proc is read before any process is asked: while this process is busy reading, answers would seem late.
    const keepings = readKeepings(files);
    const seen = plan.processes.map((planned) => see(planned, own, keepings));
    const isKafka = ({ planned }: Seen) => planned.readyUrl.startsWith(KAFKA_SCHEME);
    const others = await Promise.all(seen.filter((each) => !isKafka(each)).map(describeProcess));
    // Kafka is asked last, because loading its client keeps this process busy too.
    const brokers = await Promise.all(seen.filter(isKafka).map(describeProcess));
    const rows = [...others, ...brokers, describeSupervisor(own)];
    console.log(toTable([HEADER, ...rows.map(({ cells }) => cells)]));
    const databases = Object.entries(plan.urls).filter(([, url]) => toBrokers(url) === undefined);
    const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
    console.log(`\nmemory      ${toMiB(bytes)} in all`);
    console.log(`databases   ${(await Promise.all(databases.map(describeDatabase))).join(', ')}`);
    console.log(`data        ${state.dataDirs().join(', ')}\nlogs        ${files.logs}`);
    const { pending = [] } = plan;
    if (pending.length > 0) console.log(`\nNot started yet: ${pending.join(', ')}.`);
    const isWell = pending.length === 0 && rows.every((row) => row.isWell);
    if (!isWell) console.log(`\nNot all is well: ${inWords('up', config)} repairs it.`);
    return isWell ? 0 : 1;
  },
};

interface Row {
  readonly cells: readonly string[];
  readonly bytes: number;
  readonly isWell: boolean;
}

/** What is known of a process without asking it. */
interface Seen {
  readonly planned: PlannedProcess;
  readonly found: OwnProcess | undefined;
  readonly fault: Fault;
  readonly restarts: string;
}

function see(planned: PlannedProcess, own: readonly OwnProcess[], keepings: readonly Keeping[]): Seen {
  const found = findPlanned(own, planned);
  const { restarts = 0, lastEnd } = findPlanned(keepings, planned) ?? {};
  const end = lastEnd === undefined || restarts === 0 ? '' : ` (last ${lastEnd})`;
  return { planned, found, fault: findVisibleFault(planned, found), restarts: `${restarts}${end}` };
}

async function describeProcess({ planned, found, fault, restarts }: Seen): Promise<Row> {
  const reason = fault ?? (await askReadiness(planned.readyUrl, ANSWER_LIMIT_MS));
  return toRow(planned.name, reason ?? 'ready', reason === undefined, found, [restarts, describePorts(planned)]);
}

function describeSupervisor(own: readonly OwnProcess[]): Row {
  const found = own.find(({ name }) => name === SUPERVISOR);
  const isWell = found !== undefined && found.state !== 'T';
  const health = found === undefined ? 'not running' : isWell ? 'running' : 'stopped by a signal';
  return toRow(SUPERVISOR, health, isWell, found, ['', '']);
}

/** The memory includes that of children, but not of the supervisor's children, which have rows of their own. */
function toRow(
  name: string,
  health: string,
  isWell: boolean,
  found: StartedProcess | undefined,
  rest: readonly string[],
): Row {
  const isLeaf = found === undefined || name === SUPERVISOR;
  const children = isLeaf ? [] : listChildren(found.pid).map(({ pid }) => pid);
  const bytes = found === undefined ? 0 : residentBytes([found.pid, ...children]);
  const facts = found === undefined ? ['', '', ''] : [String(found.pid), toAge(uptimeMs(found)), toMiB(bytes)];
  return { isWell, bytes, cells: [name, health, ...facts, ...rest] };
}

async function describeDatabase([name, url]: [string, string]): Promise<string> {
  try {
    const text = 'select pg_database_size(current_database()) as bytes';
    const [row] = await queryOnce(url, ANSWER_LIMIT_MS, text);
    return `${name} ${toMiB(Number(row.bytes))}`;
  } catch {
    return `${name} does not answer`;
  }
}

await runCommand(command, process.argv.slice(2));
