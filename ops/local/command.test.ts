import { expect, test } from 'bun:test';

import { type Command, parse } from './command.ts';

const LOGS: Command = {
  name: 'logs',
  purpose: 'prints.',
  argument: { name: 'SERVICE', choices: ['cart', 'loms'], required: false },
  options: [
    { name: '--follow', short: '-f', meaning: 'follow' },
    { name: '--lines', short: '-n', meaning: 'lines', number: { min: 0, max: 100, fallback: 40 } },
  ],
  run: async () => 0,
};

test('argument and options come in any order, long, short and with a sign between', () => {
  for (const args of [
    ['cart', '-f', '-n', '5'],
    ['--lines=5', '--follow', 'cart'],
  ]) {
    const given = parse(LOGS, args);
    expect([given.argument, given.has('--follow'), given.number('--lines')]).toEqual(['cart', true, 5]);
  }
  const given = parse(LOGS, []);
  expect([given.argument, given.has('--follow'), given.number('--lines')]).toEqual([undefined, false, 40]);
});

test('a wrong argument is named, with what is allowed', () => {
  const faults: readonly [readonly string[], string][] = [
    [['basket'], "'basket' is no service: it is one of cart, loms."],
    [['cart', 'loms'], "'loms' is not expected here: it takes SERVICE (cart, loms), --follow, --lines, --help."],
    [['--tail'], "'--tail' is not expected here: it takes SERVICE (cart, loms), --follow, --lines, --help."],
    [['-n', 'x'], "--lines is 'x': it takes a whole number from 0 to 100."],
    [['-n', '101'], "--lines is '101': it takes a whole number from 0 to 100."],
    [['-n'], "--lines is '': it takes a whole number from 0 to 100."],
    [['--follow=yes'], "--follow takes no value, but was given 'yes'."],
  ];
  for (const [args, message] of faults) expect(() => parse(LOGS, args)).toThrow(message);
  const url: Command = { ...LOGS, argument: { name: 'DATABASE', choices: ['cart'], required: true } };
  expect(() => parse(url, [])).toThrow('DATABASE is missing: it is one of cart.');
});
