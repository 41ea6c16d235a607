import { openDb } from '@tally/platform/postgres';

import { readLog, upCall } from './chosen-log.ts';
import { type Command, runCommand } from './command.ts';
import { CHECKOUT, readLocalConfig } from './config.ts';
import { notReady } from './health.ts';
import { type LocalKafka, createKafka } from './kafka.ts';
import type { Plan } from './plan.ts';
import { type LocalPostgres, createPostgres } from './postgres.ts';
import {
  type OwnProcess,
  SUPERVISOR,
  findOwnProcesses,
  listChildren,
  readStat,
  residentBytes,
  uptimeMs,
} from './processes.ts';
import { describePorts, findKeeping, findPlanned } from './readiness.ts';
import { readKeepings, readPlan, requireOwn, toRunFiles } from './run-files.ts';
import { toAge, toMiB, toTable } from './table.ts';

const HEADER = ['', 'health', 'pid', 'up for', 'memory', 'restarts', 'ports'];

const command: Command = {
  name: 'status',
  purpose: 'shows what runs and how it is. Exit code 1 unless all is well.',
  options: [],
  run: async () => {
    const config = readLocalConfig(process.env, CHECKOUT);
    const files = toRunFiles(config.stateDir);
    requireOwn(files.run);
    const plan = readPlan(files);
    if (plan === undefined) {
      console.log('Tally was not started here yet: just up starts it.');
      return 1;
    }
    const postgres = createPostgres(config);
    const own = findOwnProcesses(config.stateDir);
    const rows = [
      ...(await Promise.all(plan.processes.map((planned) => describeService(plan, planned.name, own)))),
      describeSupervisor(own),
      describePostgres(postgres),
      ...(readLog(files) === 'kafka' ? [describeKafka(createKafka(config))] : []),
    ];
    console.log(toTable([HEADER, ...rows.map(({ cells }) => cells)]));
    console.log(`\ndatabases   ${await describeDatabases(postgres)}`);
    console.log(`data        ${postgres.dir}\nlogs        ${files.logs}`);
    const isWell = rows.every((row) => row.isWell);
    if (!isWell) console.log(`\nNot all is well: ${upCall(files)} mends it.`);
    return isWell ? 0 : 1;
  },
};

interface Row {
  readonly cells: readonly string[];
  readonly isWell: boolean;
}

async function describeService(plan: Plan, name: string, own: readonly OwnProcess[]): Promise<Row> {
  const planned = plan.processes.find((each) => each.name === name)!;
  const found = findPlanned(own, planned);
  const reason = await notReady(planned, found);
  const keeping = findKeeping(readKeepings(toRunFiles(plan.stateDir)), planned);
  const end = keeping?.lastEnd === undefined || keeping.restarts === 0 ? '' : ` (last ${keeping.lastEnd})`;
  const restarts = `${keeping?.restarts ?? 0}${end}`;
  return {
    isWell: reason === undefined,
    cells: [name, reason ?? 'ready', ...describeProcess(found), restarts, describePorts(planned)],
  };
}

function describeSupervisor(own: readonly OwnProcess[]): Row {
  const found = own.find(({ name }) => name === SUPERVISOR);
  const isWell = found !== undefined && found.state !== 'T';
  const health = found === undefined ? 'not running' : isWell ? 'running' : 'stopped by a signal';
  return { isWell, cells: [SUPERVISOR, health, ...describeProcess(found), '', ''] };
}

function describePostgres(postgres: LocalPostgres): Row {
  const server = postgres.find();
  const stat = server && readStat(server.pid);
  if (server === undefined || stat === undefined) {
    return { isWell: false, cells: ['postgres', 'not running', '', '', '', '', ''] };
  }
  const isWell = stat.state !== 'T';
  const health = isWell ? 'running' : 'stopped by a signal';
  const cells = [
    'postgres',
    health,
    ...describeProcess({ pid: server.pid, ...stat }, listChildren(server.pid)),
    '',
    `${server.port}`,
  ];
  return { isWell, cells };
}

function describeKafka(kafka: LocalKafka): Row {
  const broker = kafka.find();
  const stat = broker && readStat(broker.pid);
  if (broker === undefined || stat === undefined) {
    return { isWell: false, cells: ['kafka', 'not running', '', '', '', '', ''] };
  }
  const isWell = stat.state !== 'T';
  const health = isWell ? 'running' : 'stopped by a signal';
  return { isWell, cells: ['kafka', health, ...describeProcess({ pid: broker.pid, ...stat }), '', `${broker.port}`] };
}

function describeProcess(
  found: Pick<OwnProcess, 'pid' | 'startTicks'> | undefined,
  children: readonly number[] = [],
): string[] {
  if (found === undefined) return ['', '', ''];
  const { pid } = found;
  return [String(pid), toAge(uptimeMs(found)), toMiB(residentBytes([pid, ...children]))];
}

async function describeDatabases(postgres: LocalPostgres): Promise<string> {
  const server = postgres.find();
  if (server === undefined) return 'PostgreSQL is not running';
  try {
    await using db = openDb({ url: server.adminUrl, applicationName: 'status', maxConnections: 1 });
    const { rows } = await db.query(
      `select datname as name, pg_database_size(oid) as bytes
         from pg_database
        where pg_get_userbyid(datdba) = 'tally'
        order by datname`,
    );
    return rows.map(({ name, bytes }) => `${name} ${toMiB(Number(bytes))}`).join(', ');
  } catch {
    return 'PostgreSQL does not answer';
  }
}

await runCommand(command, process.argv.slice(2));
