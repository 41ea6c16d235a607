import { expect, test } from 'bun:test';

import { createFakeClock } from '@tally/platform/testing';
import { forEachDatabase } from '@tally/sql/databases';

import type { Plan, PlannedProcess } from '../plan/plan.ts';
import { type Child, type Keeping, backoffMs, createSupervisor } from './supervisor.ts';

interface FakeChild extends Child {
  readonly name: string;
  readonly signals: string[];
  exit(how: string): void;
}

function openBench() {
  const clock = createFakeClock();
  const children: FakeChild[] = [];
  let keepings: readonly Keeping[] = [];
  const supervisor = createSupervisor({
    clock,
    log: { info: () => {}, warn: () => {}, error: () => {} } as never,
    spawn: (_, planned) => {
      if (planned.command[0] === 'missing') throw new Error('no such program');
      const { promise, resolve } = Promise.withResolvers<string>();
      const signals: string[] = [];
      const child: FakeChild = {
        name: planned.name,
        pid: children.length + 1,
        exited: promise,
        signals,
        kill: (signal) => signals.push(signal),
        exit: resolve,
      };
      children.push(child);
      return child;
    },
    onChange: (next) => {
      keepings = next;
    },
  });
  return {
    supervisor,
    children,
    keepings: () => keepings,
    pass: (durationMs: number) => clock.advance(durationMs),
  };
}

function toPlan(...processes: readonly [name: string, fingerprint: string, program?: string][]): Plan {
  return {
    root: '/',
    stateDir: '/state',
    maxLogBytes: 1,
    urls: forEachDatabase(() => ''),
    processes: processes.map(([name, fingerprint, program = 'program']): PlannedProcess => ({
      name,
      fingerprint,
      command: [program],
      env: {},
      ports: [],
      readyUrl: '',
      logPath: '',
      stopLimitMs: 1_000,
    })),
  };
}

test('the back-off doubles with each failure in a row, up to a limit', () => {
  expect([1, 2, 3, 6, 7, 1_000].map(backoffMs)).toEqual([200, 400, 800, 6_400, 10_000, 10_000]);
});

test('a process that ended by itself is restarted after its back-off', async () => {
  const { supervisor, children, keepings, pass } = openBench();
  await supervisor.follow(toPlan(['a', '1']));
  children[0]!.exit('exit code 1');
  await pass(199);
  expect(children).toHaveLength(1);
  await pass(1);
  expect(children).toHaveLength(2);
  expect(keepings()).toEqual([{ name: 'a', fingerprint: '1', restarts: 1, lastEnd: 'exit code 1' }]);

  children[1]!.exit('SIGKILL');
  await pass(399);
  expect(children).toHaveLength(2);
  await pass(1);
  expect(children).toHaveLength(3);
});

test('the back-off begins again after a process ran for long', async () => {
  const { supervisor, children, pass } = openBench();
  await supervisor.follow(toPlan(['a', '1']));
  for (const delayMs of [200, 400, 800]) {
    children.at(-1)!.exit('exit code 1');
    await pass(delayMs);
  }
  await pass(30_000);
  children.at(-1)!.exit('exit code 1');
  await pass(200);
  expect(children).toHaveLength(5);
});

test('a program that cannot be started is tried without end', async () => {
  const { supervisor, keepings, pass } = openBench();
  await supervisor.follow(toPlan(['a', '1', 'missing']));
  await pass(200);
  await pass(400);
  expect(keepings()[0]).toMatchObject({ restarts: 3, lastEnd: 'no such program' });
});

test('another plan replaces the processes that changed when they have ended, and keeps the others', async () => {
  const { supervisor, children, pass } = openBench();
  await supervisor.follow(toPlan(['a', '1'], ['b', '1']));
  const followed = supervisor.follow(toPlan(['a', '1'], ['b', '2'], ['c', '1']));
  await pass(0);
  expect(children.map(({ name, signals }) => [name, signals])).toEqual([
    ['a', []],
    ['b', ['SIGTERM', 'SIGCONT']],
  ]);
  children[1]!.exit('exit code 0');
  await followed;
  expect(children.map(({ name }) => name)).toEqual(['a', 'b', 'b', 'c']);
});

test('stop ends one process after another, the last one first', async () => {
  const { supervisor, children, pass } = openBench();
  await supervisor.follow(toPlan(['a', '1'], ['b', '1']));
  const stopped = supervisor.stop();
  await pass(0);
  expect(children.map(({ signals }) => signals.length)).toEqual([0, 2]);
  children[1]!.exit('exit code 0');
  await pass(0);
  expect(children.map(({ signals }) => signals.length)).toEqual([2, 2]);
  children[0]!.exit('exit code 0');
  await stopped;
});

test('a process that does not end within its limit is killed', async () => {
  const { supervisor, children, pass } = openBench();
  await supervisor.follow(toPlan(['a', '1']));
  const stopped = supervisor.stop();
  await pass(999);
  expect(children[0]!.signals).not.toContain('SIGKILL');
  await pass(1);
  expect(children[0]!.signals).toContain('SIGKILL');
  children[0]!.exit('SIGKILL');
  await stopped;
});

test('instances of one service end at the same time', async () => {
  const { supervisor, children, pass } = openBench();
  await supervisor.follow(toPlan(['a', '1'], ['b', '1'], ['b-2', '1']));
  const stopped = supervisor.stop();
  await pass(0);
  expect(children.map(({ signals }) => signals.length)).toEqual([0, 2, 2]);
  for (const child of children) child.exit('exit code 0');
  await stopped;
});

test('a process gets the stop signal of its plan', async () => {
  const { supervisor, children, pass } = openBench();
  const plan = toPlan(['a', '1']);
  await supervisor.follow({ ...plan, processes: [{ ...plan.processes[0]!, stopSignal: 'SIGINT' }] });
  const stopped = supervisor.stop();
  await pass(0);
  expect(children[0]!.signals).toEqual(['SIGINT', 'SIGCONT']);
  children[0]!.exit('exit code 0');
  await stopped;
});

test('a held process stays down when it ends, and starts when it is no longer held', async () => {
  const { supervisor, children, pass } = openBench();
  const plan = toPlan(['a', '1']);
  await supervisor.follow({ ...plan, held: ['a'] });
  children[0]!.exit('SIGKILL');
  await pass(60_000);
  expect(children).toHaveLength(1);
  await supervisor.follow(plan);
  await pass(200);
  expect(children).toHaveLength(2);
});

test('stop during a back-off starts nothing', async () => {
  const { supervisor, children, pass } = openBench();
  await supervisor.follow(toPlan(['a', '1']));
  children[0]!.exit('exit code 1');
  await pass(100);
  await supervisor.stop();
  await pass(60_000);
  expect(children).toHaveLength(1);
});
