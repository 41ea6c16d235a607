import { type Command, runCommand } from '@tally/platform/command-line';
import { type StartedProcess, isBrokerThere, listChildren, readStat } from '@tally/platform/embedded';
import { openDb } from '@tally/platform/postgres';

import { CHECKOUT, readLocalConfig } from '../config.ts';
import { type NotReady, askDatabase, askReadiness, notThere } from '../run/health.ts';
import type { Plan, PlannedProcess } from '../plan/plan.ts';
import type { LocalServer } from '../parts/postgres-server.ts';
import { type OwnProcess, SUPERVISOR, findOwnProcesses, residentBytes, uptimeMs } from '../machine/processes.ts';
import { describePorts, findKeeping, findPlanned } from '../run/readiness.ts';
import { readKeepings, readPlan, requireOwn, toRunFiles } from '../run/run-files.ts';
import { inWords } from '../machine/just-call.ts';
import { createServers, dataDirs } from '../parts/servers.ts';
import { SHAPES, notStarted, readShape } from '../plan/shape.ts';
import { toAge, toMiB, toTable } from '../machine/table.ts';

/** Long enough for a busy machine: asked once. */
const ANSWER_LIMIT_MS = 5_000;
const HEADER = ['', 'health', 'pid', 'up for', 'memory', 'restarts', 'ports'];

const command: Command = {
  name: 'status',
  purpose: 'shows what runs and how it is. Exit code 1 unless all is well.',
  run: async () => {
    const config = readLocalConfig(process.env, CHECKOUT);
    const files = toRunFiles(config.stateDir);
    requireOwn(files.run);
    const plan = readPlan(files);
    if (plan === undefined) {
      console.log(notStarted());
      return 1;
    }
    const servers = createServers(config, readShape(files) ?? SHAPES.light);
    const { postgres, kafka } = servers;
    const own = findOwnProcesses(config.stateDir);
    if (own.length === 0 && !postgres.isRunning() && !kafka.isRunning()) {
      console.log(`Nothing runs here: ${inWords('up')} starts it. Its data is in ${dataDirs(servers).join(', ')}.`);
      return 1;
    }
    // All that is seen without asking comes first: while this process is busy, answers would seem late.
    const seen = plan.processes.map((planned) => see(plan, planned, own));
    const rows = await Promise.all([
      ...seen.map(describeService),
      describeSupervisor(own),
      ...postgres.servers.map(({ name, find }) => describeServer(name, find(), askPostgres)),
    ]);
    // To load Kafka's client takes long, too.
    rows.push(...(await Promise.all(kafka.brokers.map(({ name, find }) => describeServer(name, find(), askBroker)))));
    console.log(toTable([HEADER, ...rows.map(({ cells }) => cells)]));
    console.log(`\nmemory      ${toMiB(sumOf(rows))} in all`);
    console.log(`databases   ${(await Promise.all(postgres.servers.map(describeDatabases))).join(', ')}`);
    console.log(`data        ${dataDirs(servers).join(', ')}\nlogs        ${files.logs}`);
    const isWell = rows.every((row) => row.isWell);
    if (!isWell) console.log(`\nNot all is well: ${inWords('up')} mends it.`);
    return isWell ? 0 : 1;
  },
};

interface Row {
  readonly cells: readonly string[];
  readonly bytes: number;
  readonly isWell: boolean;
}

interface Seen {
  readonly planned: PlannedProcess;
  readonly found: OwnProcess | undefined;
  readonly fault: NotReady;
  readonly restarts: string;
}

function see(plan: Plan, planned: PlannedProcess, own: readonly OwnProcess[]): Seen {
  const found = findPlanned(own, planned);
  const keeping = findKeeping(readKeepings(toRunFiles(plan.stateDir)), planned);
  const end = keeping?.lastEnd === undefined || keeping.restarts === 0 ? '' : ` (last ${keeping.lastEnd})`;
  return { planned, found, fault: notThere(planned, found), restarts: `${keeping?.restarts ?? 0}${end}` };
}

async function describeService({ planned, found, fault, restarts }: Seen): Promise<Row> {
  const reason = fault ?? (await askReadiness(planned.readyUrl, ANSWER_LIMIT_MS));
  return {
    isWell: reason === undefined,
    bytes: bytesOf(found),
    cells: [planned.name, reason ?? 'ready', ...describeProcess(found), restarts, describePorts(planned)],
  };
}

function describeSupervisor(own: readonly OwnProcess[]): Row {
  const found = own.find(({ name }) => name === SUPERVISOR);
  const isWell = found !== undefined && found.state !== 'T';
  const health = found === undefined ? 'not running' : isWell ? 'running' : 'stopped by a signal';
  return { isWell, bytes: bytesOf(found), cells: [SUPERVISOR, health, ...describeProcess(found), '', ''] };
}

type Server = StartedProcess & { readonly port: number };

/** One that the supervisor does not keep, with its children. */
async function describeServer<T extends Server>(
  name: string,
  server: T | undefined,
  ask: (server: T) => Promise<NotReady>,
): Promise<Row> {
  const stat = server && readStat(server.pid);
  if (server === undefined || stat === undefined) {
    return { isWell: false, bytes: 0, cells: [name, 'not running', '', '', '', '', ''] };
  }
  const reason = stat.state === 'T' ? 'stopped by a signal' : await ask(server);
  const children = listChildren(server.pid).map(({ pid }) => pid);
  return {
    isWell: reason === undefined,
    bytes: bytesOf(server, children),
    cells: [name, reason ?? 'running', ...describeProcess(server, children), '', `${server.port}`],
  };
}

const askPostgres = ({ adminUrl }: { readonly adminUrl: string }) => askDatabase(adminUrl, ANSWER_LIMIT_MS);
const askBroker = async ({ port }: Server) =>
  (await isBrokerThere(port, ANSWER_LIMIT_MS)) ? undefined : 'does not answer';

type Found = StartedProcess | undefined;

function describeProcess(found: Found, children: readonly number[] = []): string[] {
  if (found === undefined) return ['', '', ''];
  return [String(found.pid), toAge(uptimeMs(found)), toMiB(bytesOf(found, children))];
}

function bytesOf(found: Found, children: readonly number[] = []): number {
  return found === undefined ? 0 : residentBytes([found.pid, ...children]);
}

const sumOf = (rows: readonly Row[]) => rows.reduce((sum, { bytes }) => sum + bytes, 0);

async function describeDatabases({ name, find }: LocalServer): Promise<string> {
  const server = find();
  if (server === undefined) return `${name} is not running`;
  try {
    await using db = openDb({
      url: server.adminUrl,
      applicationName: 'status',
      maxConnections: 1,
      connectTimeoutMs: ANSWER_LIMIT_MS,
      answerTimeoutMs: ANSWER_LIMIT_MS,
    });
    const { rows } = await db.query(
      `select datname as name, pg_database_size(oid) as bytes
         from pg_database
        where pg_get_userbyid(datdba) = 'tally'
        order by datname`,
    );
    return rows.map(({ name, bytes }) => `${name} ${toMiB(Number(bytes))}`).join(', ');
  } catch {
    return `${name} does not answer`;
  }
}

await runCommand(command, process.argv.slice(2));
