import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { type Command, UsageError, runCommand } from '@tally/platform/command-line';
import { sleep, systemClock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import { CHECKOUT, type LocalConfig, readLocalConfig } from '../config.ts';
import { inWords } from '../machine/just-call.ts';
import { readLastLines } from '../machine/log-file.ts';
import { mergeByTime } from '../machine/log-lines.ts';
import { SUPERVISOR } from '../machine/processes.ts';
import { requireOwn, toRunFiles } from '../run/run-files.ts';
import { createServers } from '../parts/servers.ts';
import { SHAPES, type Shape, readShape } from '../plan/shape.ts';
import { processNames } from '../plan/system.ts';

const POLL_MS = 200;
const MAX_READ_BYTES = 1 << 20;

interface LogFile {
  readonly name: string;
  readonly path: string;
}

/** All that a state folder of this shape can have. */
function listLogs(config: LocalConfig, shape: Shape): LogFile[] {
  const { postgres, kafka } = createServers(config, shape);
  const { logs } = toRunFiles(config.stateDir);
  return [
    ...[...processNames(shape), SUPERVISOR].map((name) => ({ name, path: join(logs, `${name}.log`) })),
    ...[...postgres.servers, ...kafka.brokers].map(({ name, logPath }) => ({ name, path: logPath })),
  ];
}

const command: Command = {
  name: 'logs',
  purpose: 'prints the last lines of the logs, oldest first.',
  operands: [{ name: 'PART', isRequired: false, meaning: 'a part of the system, as status shows it' }],
  options: [
    { name: '--follow', short: '-f', meaning: 'go on with what is written from now on, until Ctrl-C' },
    { name: '--lines', short: '-n', meaning: 'lines of each log', number: { min: 0, max: 10_000, fallback: 40 } },
  ],
  run: async (given) => {
    const config = readLocalConfig(process.env, CHECKOUT);
    const state = toRunFiles(config.stateDir);
    requireOwn(state.run);
    const all = listLogs(config, readShape(state) ?? SHAPES.light);
    const part = given.operand('PART');
    const names = all.map(({ name }) => name).join(', ');
    const files = all.filter(({ name }) => part === undefined || name === part);
    if (files.length === 0) throw new UsageError(`'${part}' is no part of this system: it is one of ${names}.`);
    if (!files.some(({ path }) => existsSync(path))) {
      throw new AppError(
        'failed-precondition',
        `there is no log of ${part ?? names} yet: ${inWords('up')} starts the system.`,
      );
    }
    const columns = Math.max(...files.map(({ name }) => name.length));
    const print = (name: string, line: string) =>
      void process.stdout.write(files.length > 1 ? `${name.padEnd(columns)} | ${line}\n` : `${line}\n`);
    // Where following goes on: taken before the last lines are read, so that none falls between.
    const tails = files.map((file) => ({ ...file, offset: sizeOf(file.path) }));
    const last = files.map(({ name, path }) => ({ name, lines: readLastLines(path, given.number('--lines')) }));
    for (const { name, line } of mergeByTime(last)) print(name, line);
    if (given.has('--follow')) await follow(tails, print);
    return 0;
  },
};

interface Tail extends LogFile {
  offset: number;
}

async function follow(tails: readonly Tail[], print: (name: string, line: string) => void): Promise<void> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort());
  // Nobody reads it any more, as behind `head`.
  process.stdout.on('error', () => stopping.abort());
  while (!stopping.signal.aborted) {
    for (const tail of tails) for (const line of readNewLines(tail)) print(tail.name, line);
    await sleep(systemClock, POLL_MS, stopping.signal).catch(() => {});
  }
}

/** The whole lines behind the offset, which moves behind them. */
function readNewLines(tail: Tail): string[] {
  const size = sizeOf(tail.path);
  // It was cut meanwhile: what is in it now is new.
  if (size < tail.offset) tail.offset = 0;
  if (size === tail.offset) return [];
  const file = openSync(tail.path, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(size - tail.offset, MAX_READ_BYTES));
    const bytes = readSync(file, buffer, 0, buffer.length, tail.offset);
    const end = buffer.lastIndexOf('\n', bytes - 1) + 1;
    // The rest of a line is still to come, unless it is too long to wait for.
    if (end === 0 && bytes < MAX_READ_BYTES) return [];
    tail.offset += end || bytes;
    return buffer.toString('utf8', 0, end === 0 ? bytes : end - 1).split('\n');
  } finally {
    closeSync(file);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

await runCommand(command, process.argv.slice(2));
