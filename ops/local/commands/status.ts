import { type Command, runCommand } from '@tally/platform/command-line';
import { type StartedProcess, listChildren } from '@tally/platform/embedded';
import { openDb } from '@tally/platform/postgres';
import { KAFKA_SCHEME } from '@tally/sql/databases';

import { inWords } from '../machine/just-call.ts';
import { type OwnProcess, SUPERVISOR, residentBytes, uptimeMs } from '../machine/processes.ts';
import { toAge, toMiB, toTable } from '../machine/table.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import { type Fault, askReadiness, findVisibleFault } from '../run/health.ts';
import { describePorts, findKeeping, findPlanned } from '../run/readiness.ts';
import { readKeepings } from '../run/run-files.ts';
import type { Keeping } from '../run/supervisor.ts';
import { notStarted, readState } from '../state.ts';

/** Long enough for a busy machine, since each process is asked once. */
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
    const own = state.findProcesses();
    if (own.length === 0) {
      const data = state.dataDirs().join(', ');
      console.log(`Nothing runs here: ${inWords('up', config)} starts it. Its data is in ${data}.`);
      return 1;
    }
    // Everything that needs no answer is looked at first. While this process is busy, answers would seem late.
    const keepings = readKeepings(files);
    const seen = plan.processes.map((planned) => see(planned, own, keepings));
    const isKafka = ({ planned }: Seen) => planned.readyUrl.startsWith(KAFKA_SCHEME);
    const others = await Promise.all(seen.filter((each) => !isKafka(each)).map(describeProcess));
    // Kafka is asked last, since loading its client takes long.
    const brokers = await Promise.all(seen.filter(isKafka).map(describeProcess));
    const rows = [...others, ...brokers, describeSupervisor(own)];
    console.log(toTable([HEADER, ...rows.map(({ cells }) => cells)]));
    const databases = Object.entries(plan.urls).filter(([, url]) => !url.startsWith(KAFKA_SCHEME));
    const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
    console.log(`\nmemory      ${toMiB(bytes)} in all`);
    console.log(`databases   ${(await Promise.all(databases.map(describeDatabase))).join(', ')}`);
    console.log(`data        ${state.dataDirs().join(', ')}\nlogs        ${files.logs}`);
    const isWell = rows.every((row) => row.isWell);
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
  const { restarts = 0, lastEnd } = findKeeping(keepings, planned) ?? {};
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

/** The memory of a process includes its children's, as those of PostgreSQL. */
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
    await using db = openDb({
      url,
      applicationName: 'status',
      maxConnections: 1,
      connectTimeoutMs: ANSWER_LIMIT_MS,
      answerTimeoutMs: ANSWER_LIMIT_MS,
    });
    const { rows } = await db.query('select pg_database_size(current_database()) as bytes', []);
    return `${name} ${toMiB(Number(rows[0].bytes))}`;
  } catch {
    return `${name} does not answer`;
  }
}

await runCommand(command, process.argv.slice(2));
