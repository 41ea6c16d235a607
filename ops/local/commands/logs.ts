import { existsSync } from 'node:fs';

import { type Command, UsageError, runCommand } from '@tally/platform/command-line';
import { sleep, systemClock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import { inWords } from '../machine/just-call.ts';
import { readBytes, readLastLines, sizeOf } from '../machine/log-file.ts';
import { mergeByTime } from '../machine/log-lines.ts';
import { SUPERVISOR } from '../machine/processes.ts';
import { toLogPath } from '../parts/part.ts';
import { processNames } from '../plan/system.ts';
import { readState } from '../state.ts';

const POLL_MS = 200;
const MAX_READ_BYTES = 1 << 20;

const command: Command = {
  name: 'logs',
  purpose: 'prints the last lines of the logs, oldest first.',
  operands: [{ name: 'PART', isRequired: false, meaning: 'a part of the system, as status names it; default all' }],
  options: [
    { name: '--follow', short: '-f', meaning: 'continue with new lines until Ctrl-C' },
    { name: '--lines', short: '-n', meaning: 'lines of each log', number: { min: 0, max: 10_000, fallback: 40 } },
  ],
  run: async (given) => {
    const { config, shape } = readState(process.env);
    const all = [...processNames(shape), SUPERVISOR];
    const part = given.operand('PART');
    const names = all.filter((name) => part === undefined || name === part);
    if (names.length === 0)
      throw new UsageError(`'${part}' is no part of this system: it is one of ${all.join(', ')}.`);
    const logs = names.map((name) => ({ name, path: toLogPath(config.stateDir, name) }));
    if (!logs.some(({ path }) => existsSync(path))) {
      const message = `there is no log of ${names.join(', ')} yet: ${inWords('up', config)} starts the system.`;
      throw new AppError('failed-precondition', message);
    }
    const columns = Math.max(...names.map((name) => name.length));
    const print = (name: string, line: string) =>
      void process.stdout.write(names.length > 1 ? `${name.padEnd(columns)} | ${line}\n` : `${line}\n`);
    // The sizes are taken before the last lines are read, so that no line is missed in between.
    const tails = logs.map((log) => ({ ...log, offset: sizeOf(log.path) }));
    const last = logs.map(({ name, path }) => ({ name, lines: readLastLines(path, given.number('--lines')) }));
    for (const { name, line } of mergeByTime(last)) print(name, line);
    if (given.has('--follow')) await follow(tails, print);
    return 0;
  },
};

interface Tail {
  readonly name: string;
  readonly path: string;
  /** Where the next line begins. */
  offset: number;
}

async function follow(tails: readonly Tail[], print: (name: string, line: string) => void): Promise<void> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort());
  // A program that reads our output through a pipe may end before us, as `head` does.
  process.stdout.on('error', () => stopping.abort());
  while (!stopping.signal.aborted) {
    for (const tail of tails) for (const line of readNewLines(tail)) print(tail.name, line);
    await sleep(systemClock, POLL_MS, stopping.signal).catch(() => {});
  }
}

/** Returns the complete lines after the offset, and moves the offset past them. */
function readNewLines(tail: Tail): string[] {
  const size = sizeOf(tail.path);
  // If the file is smaller than before, it was cut, and all of it is new.
  if (size < tail.offset) tail.offset = 0;
  if (size === tail.offset) return [];
  const bytes = readBytes(tail.path, tail.offset, MAX_READ_BYTES);
  const end = bytes.lastIndexOf('\n') + 1;
  // An incomplete line is printed later, unless it is too long to wait for.
  if (end === 0 && bytes.length < MAX_READ_BYTES) return [];
  tail.offset += end || bytes.length;
  return bytes.toString('utf8', 0, end === 0 ? bytes.length : end - 1).split('\n');
}

await runCommand(command, process.argv.slice(2));
