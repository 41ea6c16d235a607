import { expect, test } from 'bun:test';

import { type Command, type CommandGroup, choose, parse } from './command.ts';

const LOGS: Command = {
  name: 'logs',
  purpose: 'prints.',
  operands: [{ name: 'SERVICE', choices: ['cart', 'loms'], isRequired: false }],
  options: [
    { name: '--follow', short: '-f', meaning: 'follow' },
    { name: '--lines', short: '-n', meaning: 'lines', number: { min: 0, max: 100, fallback: 40 } },
    { name: '--reason', meaning: 'why', text: 'TEXT' },
  ],
  run: async () => 0,
};

const SKIP: Command = {
  name: 'outbox skip',
  purpose: 'skips.',
  operands: [
    { name: 'ORDER', isRequired: true, meaning: 'a whole number', pattern: /^\d+$/ },
    { name: 'REASON', isRequired: true, takesRest: true },
  ],
  run: async () => 0,
};

test('operands and options come in any order, long, short and with a sign between', () => {
  for (const args of [
    ['cart', '-f', '-n', '5', '--reason', 'so it is'],
    ['--lines=5', '--reason=so it is', '--follow', 'cart'],
  ]) {
    const given = parse(LOGS, args);
    const found = [given.operand('SERVICE'), given.has('--follow'), given.number('--lines'), given.text('--reason')];
    expect(found).toEqual(['cart', true, 5, 'so it is']);
  }
  const given = parse(LOGS, []);
  const found = [given.operand('SERVICE'), given.has('--follow'), given.number('--lines'), given.text('--reason')];
  expect(found).toEqual([undefined, false, 40, undefined]);
});

test('the last operand may take all words that are left, behind -- also those that look like options', () => {
  expect(parse(SKIP, ['7', 'it', 'is', 'broken']).required('REASON')).toBe('it is broken');
  expect(parse(SKIP, ['7', '--', '--it', '-is']).required('REASON')).toBe('--it -is');
});

test('a wrong argument is named, with what is allowed', () => {
  const faults: readonly [readonly string[], string][] = [
    [['basket'], "'basket' is no service: it is one of cart, loms."],
    [[''], "'' is no service: it is one of cart, loms."],
    [['cart', 'loms'], "'loms' is not expected here: it takes SERVICE (cart, loms), --follow, --lines, --reason."],
    [['--tail'], "'--tail' is not expected here: it takes SERVICE (cart, loms), --follow, --lines, --reason."],
    [['-n', 'x'], "--lines is 'x': it takes a whole number from 0 to 100."],
    [['-n', '101'], "--lines is '101': it takes a whole number from 0 to 100."],
    [['-n'], '--lines has no value: it takes a whole number from 0 to 100.'],
    [['--follow=yes'], "--follow takes no value, but was given 'yes'."],
    [['--reason'], '--reason needs TEXT.'],
    [['--reason', '  '], '--reason needs TEXT.'],
  ];
  for (const [args, message] of faults) expect(() => parse(LOGS, args)).toThrow(message);
  expect(() => parse(SKIP, [])).toThrow('ORDER is missing: it is a whole number.');
  expect(() => parse(SKIP, ['x'])).toThrow("'x' is no order: it is a whole number.");
  expect(() => parse(SKIP, ['7'])).toThrow('REASON is missing.');
  expect(() => parse({ ...LOGS, operands: [], options: [] }, ['x'])).toThrow(
    "'x' is not expected here: it takes no arguments.",
  );
});

test('a group takes its second word for the command', () => {
  const group: CommandGroup = { name: 'outbox', purpose: 'decides.', commands: [SKIP] };
  expect(choose(group, ['skip', '7', 'x'])).toEqual([SKIP, ['7', 'x']]);
  expect(() => choose(group, [])).toThrow('COMMAND is missing: skip.');
  expect(() => choose(group, ['scip'])).toThrow("'scip' is no command: skip.");
});
