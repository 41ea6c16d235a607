import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { sleep, systemClock } from '@tally/platform/concurrency';

import { type Command, runCommand } from './command.ts';
import { CHECKOUT, readLocalConfig } from './config.ts';
import { createKafka } from './kafka.ts';
import { readLastLines } from './log-file.ts';
import { mergeByTime } from './log-lines.ts';
import { createPostgres } from './postgres.ts';
import { SUPERVISOR } from './processes.ts';
import { requireOwn, toRunFiles } from './run-files.ts';
import { PROCESSES, REDIS } from './system.ts';

const POLL_MS = 200;
const MAX_READ_BYTES = 1 << 20;
const SERVICES = [...PROCESSES, REDIS, SUPERVISOR, 'postgres', 'kafka'];

const command: Command = {
  name: 'logs',
  purpose: 'prints the last lines of the logs, oldest first.',
  argument: { name: 'SERVICE', choices: SERVICES, required: false },
  options: [
    { name: '--follow', short: '-f', meaning: 'go on with what is written from now on, until Ctrl-C' },
    { name: '--lines', short: '-n', meaning: 'lines of each log', number: { min: 0, max: 10_000, fallback: 40 } },
  ],
  run: async (given) => {
    const config = readLocalConfig(process.env, CHECKOUT);
    const { run, logs } = toRunFiles(config.stateDir);
    requireOwn(run);
    const pathOf = (name: string) => {
      if (name === 'postgres') return createPostgres(config).logPath;
      return name === 'kafka' ? createKafka(config).logPath : join(logs, `${name}.log`);
    };
    const names = given.argument === undefined ? SERVICES : [given.argument];
    const files = names.map((name) => ({ name, path: pathOf(name) }));
    if (!files.some(({ path }) => existsSync(path))) {
      console.error(`There is no log of ${names.join(', ')} yet: just up starts the system.`);
      return 1;
    }
    const print = (name: string, line: string) =>
      void process.stdout.write(names.length > 1 ? `${name.padEnd(10)} | ${line}\n` : `${line}\n`);
    // Where following goes on: taken before the last lines are read, so that none falls between.
    const tails = files.map((file) => ({ ...file, offset: sizeOf(file.path) }));
    const last = files.map(({ name, path }) => ({ name, lines: readLastLines(path, given.number('--lines')) }));
    for (const { name, line } of mergeByTime(last)) print(name, line);
    if (given.has('--follow')) await follow(tails, print);
    return 0;
  },
};

interface Tail {
  readonly name: string;
  readonly path: string;
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
