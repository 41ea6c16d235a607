import { describe, expect, test } from 'bun:test';

import { tallyVersion } from '../version/index.ts';
import { type Command, type CommandGroup, type Given, UsageError, interpret } from './command.ts';

const LOGS: Command = {
  name: 'logs',
  purpose: 'prints the logs.',
  operands: [{ name: 'SERVICE', choices: ['alpha', 'beta'], isRequired: false }],
  options: [
    { name: '--follow', short: '-f', meaning: 'keep printing' },
    { name: '--lines', short: '-n', meaning: 'lines of each log', number: { min: 0, max: 100, fallback: 40 } },
    { name: '--given-reason', meaning: 'why', text: 'TEXT' },
  ],
  notes: ['Exit codes: 0 always.'],
  run: async () => 0,
};

const SKIP: Command = {
  name: 'outbox skip',
  purpose: 'skips an event.',
  operands: [
    { name: 'EVENT', isRequired: true, meaning: 'a whole number', pattern: /^\d+$/ },
    { name: 'REASON', isRequired: true, takesRest: true },
  ],
  run: async () => 0,
};

const OUTBOX: CommandGroup = {
  name: 'outbox',
  purpose: 'decides on events.',
  commands: [{ ...SKIP, name: 'outbox list', operands: [] }, SKIP],
};

function givenOf(command: Command | CommandGroup, args: readonly string[]): Given {
  const request = interpret(command, args);
  if ('text' in request) throw new Error(`it printed ${request.text}`);
  return request.given;
}

function textOf(command: Command | CommandGroup, args: readonly string[]): string {
  const request = interpret(command, args);
  return 'text' in request ? request.text : `it would run ${request.command.name}`;
}

function complaintOf(command: Command | CommandGroup, args: readonly string[]): string {
  try {
    interpret(command, args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'no complaint';
}

describe('arguments', () => {
  for (const args of [
    ['alpha', '-f', '-n', '5', '--given-reason', 'so it is'],
    ['--lines=5', '--given-reason=so it is', '--follow', 'alpha'],
    ['-fn5', 'alpha', '--given-reason', ' so it is '],
  ]) {
    test(`come in any order, long and short: ${args.join(' ')}`, () => {
      const given = givenOf(LOGS, args);
      expect(given.operand('SERVICE')).toBe('alpha');
      expect(given.has('--follow')).toBe(true);
      expect(given.number('--lines')).toBe(5);
      expect(given.text('--given-reason')).toBe('so it is');
    });
  }

  test('that are absent have no value, or their default', () => {
    const given = givenOf(LOGS, []);
    expect(given.operand('SERVICE')).toBeUndefined();
    expect(given.has('--follow')).toBe(false);
    expect(given.number('--lines')).toBe(40);
    expect(given.has('--lines')).toBe(false);
    expect(given.text('--given-reason')).toBeUndefined();
  });

  test('that remain go to the last operand, and so do words that look like options after --', () => {
    expect(givenOf(OUTBOX, ['skip', '7', 'it', 'is', 'broken']).required('REASON')).toBe('it is broken');
    expect(givenOf(OUTBOX, ['skip', '7', '--', '--it', '-is']).required('REASON')).toBe('--it -is');
  });

  test('that remain may be none when the last operand is optional', () => {
    const list: Command = { ...LOGS, operands: [{ name: 'PATH', isRequired: false, takesRest: true }] };
    expect(givenOf(list, []).operand('PATH')).toBeUndefined();
    expect(givenOf(list, ['a', 'b']).operand('PATH')).toBe('a b');
  });

  test('choose a command of a group by the second word', () => {
    const request = interpret(OUTBOX, ['skip', '7', 'x']);
    expect('command' in request && request.command).toBe(SKIP);
  });
});

describe('a wrong argument is refused with one sentence that names it:', () => {
  const faults: readonly [Command | CommandGroup, readonly string[], string][] = [
    [LOGS, ['gamma'], "value 'gamma' is invalid for argument 'SERVICE'. It must be one of alpha, beta."],
    [LOGS, [''], "value '' is invalid for argument 'SERVICE'. It must be one of alpha, beta."],
    [LOGS, ['alpha', 'beta'], 'too many arguments. Expected 1 argument but got 2: alpha, beta.'],
    [LOGS, ['--folow'], "unknown option '--folow' (Did you mean --follow?)."],
    [LOGS, ['-n', 'x'], "option '-n, --lines <N>' argument 'x' is invalid. It must be a whole number from 0 to 100."],
    [
      LOGS,
      ['-n', '101'],
      "option '-n, --lines <N>' argument '101' is invalid. It must be a whole number from 0 to 100.",
    ],
    [LOGS, ['-n'], "option '-n, --lines <N>' argument missing."],
    [LOGS, ['--follow=yes'], "unknown option '--follow=yes'."],
    [LOGS, ['--given-reason'], "option '--given-reason <TEXT>' argument missing."],
    [LOGS, ['--given-reason', ' '], "option '--given-reason <TEXT>' argument ' ' is invalid. It must not be blank."],
    [SKIP, [], 'EVENT is missing: a whole number.'],
    [SKIP, ['x', 'y'], "value 'x' is invalid for argument 'EVENT'. It must be a whole number."],
    [SKIP, ['7'], 'REASON is missing.'],
    [SKIP, ['7', ' '], "value ' ' is invalid for argument 'REASON'. It must be a word."],
    [OUTBOX, [], 'a command is missing: list, skip.'],
    [OUTBOX, ['scip'], "unknown command 'scip' (Did you mean skip?)."],
    [OUTBOX, ['list', 'x'], "too many arguments for 'list'. Expected 0 arguments but got 1: x."],
  ];
  for (const [command, args, message] of faults) {
    test(JSON.stringify([command.name, ...args]), () => expect(complaintOf(command, args)).toBe(message));
  }
});

describe('--help', () => {
  test('describes usage, purpose, operands, options with their bounds, and the notes', () => {
    for (const args of [['--help'], ['alpha', '-h']]) {
      const help = textOf(LOGS, args);
      expect(help).toStartWith('Usage: just logs [options] [SERVICE]\n\nPrints the logs.');
      expect(help).toContain('one of alpha, beta');
      expect(help).toMatch(/-n, --lines <N> +lines of each log \(0 to 100, default 40\)/);
      expect(help).toMatch(/--version +print the version of Tally/);
      expect(help).toEndWith('\nExit codes: 0 always.\n');
    }
  });

  test('lists the commands of a group, and the arguments of a command in it', () => {
    expect(textOf(OUTBOX, ['--help'])).toMatch(/skip \[options\] <EVENT> <REASON...> +Skips an event\./);
    expect(textOf(OUTBOX, ['skip', '--help'])).toStartWith('Usage: just outbox skip [options] <EVENT> <REASON...>');
  });
});

test('--version prints the version of Tally', () => {
  for (const [command, args] of [
    [LOGS, ['--version']],
    [OUTBOX, ['--version']],
    [OUTBOX, ['skip', '--version']],
  ] as const) {
    expect(textOf(command, args)).toBe(`${tallyVersion()}\n`);
  }
  expect(tallyVersion()).toMatch(/^\d+\.\d+\.\d+$/);
});
