import { describe, expect, test } from 'bun:test';

import { ConfigError, type ConfigReader, listVariables, readConfig } from './index.ts';

const SCHEMES = ['redis', 'rediss'];

/** Returns the value that `read` makes of `raw`, or the text of its faults. */
function readOne(raw: string | undefined, read: (reader: ConfigReader) => unknown): unknown {
  try {
    return readConfig({ X: raw }, read);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.join('\n');
    throw error;
  }
}

describe('integer', () => {
  const read = (reader: ConfigReader) =>
    reader.integer('X', 'Number of things.', { fallback: 5, min: 0, max: 10, unit: 'things' });

  for (const [raw, value] of [
    [undefined, 5],
    ['', 5],
    ['  ', 5],
    ['0', 0],
    ['10', 10],
    [' 7 ', 7],
    ['007', 7],
  ] as const) {
    test(`reads ${JSON.stringify(raw)} as ${value}`, () => expect(readOne(raw, read)).toBe(value));
  }

  for (const raw of ['11', '-1', '1.5', '1e1', '0x1', '1_0', '5ms', 'five', 'NaN', '1'.repeat(16)]) {
    test(`refuses '${raw}' instead of using the default`, () =>
      expect(readOne(raw, read)).toBe(`X is '${raw}'; expected a whole number from 0 to 10. Number of things.`));
  }
});

describe('port', () => {
  const read = (reader: ConfigReader) => reader.port('X', 'A port.', 80);

  test('reads 0 to 65535', () => expect(['0', '65535'].map((raw) => readOne(raw, read))).toEqual([0, 65_535]));
  test('refuses 65536', () => expect(readOne('65536', read)).toContain('from 0 to 65535'));
});

describe('url', () => {
  const read = (reader: ConfigReader) => reader.url('X', 'A Redis.', SCHEMES);

  test('reads a URL with one of its schemes as it was written', () =>
    expect(readOne('rediss://host:1/0', read)).toBe('rediss://host:1/0'));

  for (const raw of ['http://:secret@host', 'redis//:secret@host', 'secret']) {
    test(`refuses ${raw} without showing it`, () =>
      expect(readOne(raw, read)).toBe(
        'X is malformed; expected a URL that begins with redis:// or rediss://. A Redis.',
      ));
  }

  test('must be set', () =>
    expect(readOne(undefined, read)).toBe(
      'X is not set; expected a URL that begins with redis:// or rediss://. A Redis.',
    ));
});

describe('optionalUrls', () => {
  const read = (reader: ConfigReader) => reader.optionalUrls('X', 'Redis shards.', SCHEMES);

  test('reads none, one or several', () =>
    expect([undefined, 'redis://a', 'redis://a, redis://b'].map((raw) => readOne(raw, read))).toEqual([
      [],
      ['redis://a'],
      ['redis://a', 'redis://b'],
    ]));

  for (const raw of ['redis://a,redis://a', 'redis://a,', 'redis://a,http://b']) {
    test(`refuses ${raw}`, () => expect(readOne(raw, read)).toStartWith('X is malformed; expected a URL'));
  }
});

test('optionalUrl is undefined when absent, and refuses a list', () => {
  const read = (reader: ConfigReader) => reader.optionalUrl('X', 'A Redis.', SCHEMES);
  expect(readOne('', read)).toBeUndefined();
  expect(readOne('redis://a', read)).toBe('redis://a');
  expect(readOne('redis://a, redis://b', read)).toStartWith('X is malformed');
});

test('oneOf reads one of its words and nothing else', () => {
  const read = (reader: ConfigReader) => reader.oneOf('X', 'A level.', ['low', 'high'], 'low');
  expect([undefined, 'high'].map((raw) => readOne(raw, read))).toEqual(['low', 'high']);
  expect(readOne('HIGH', read)).toBe("X is 'HIGH'; expected one of low, high. A level.");
});

test('addresses reads one or more host:port', () => {
  const read = (reader: ConfigReader) => reader.addresses('X', 'Servers.', 'a:1,b:2');
  expect(readOne(undefined, read)).toEqual(['a:1', 'b:2']);
  expect(readOne('c:3 , d:4', read)).toEqual(['c:3', 'd:4']);
  expect(readOne('c', read)).toBe("X is 'c'; expected one or more host:port, separated by commas. Servers.");
});

test('text must be set when it has no default, optional need not be', () => {
  expect(readOne(' ', (reader) => reader.text('X', 'A name.'))).toBe('X is not set; expected a text. A name.');
  expect(readOne(' ', (reader) => reader.optional('X', 'A name.'))).toBeUndefined();
  expect(readOne(' a ', (reader) => reader.optional('X', 'A name.'))).toBe('a');
});

test('one error lists the faults of all variables', () => {
  const read = (reader: ConfigReader) => [reader.text('A', 'A name.'), reader.port('B', 'A port.', 1)];
  expect(() => readConfig({ B: 'x' }, read)).toThrow(
    "bad configuration:\n  - A is not set; expected a text. A name.\n  - B is 'x'; expected a whole number from 0 to 65535. A port.",
  );
});

test('listVariables describes each variable by type, bounds, unit and default', () => {
  const variables = listVariables((reader) => {
    reader.integer('WAIT_MS', 'A pause.', { fallback: 5, min: 0, max: 10, unit: 'ms' });
    reader.url('DB', 'A database.', ['postgres']);
    reader.optional('NAME', 'A name.');
    reader.addresses('PEERS', 'Peers.', 'a:1,b:2');
  });
  expect(variables).toEqual([
    {
      name: 'WAIT_MS',
      meaning: 'A pause.',
      type: 'number',
      bounds: '0 to 10',
      unit: 'ms',
      fallback: '5',
      isRequired: false,
    },
    {
      name: 'DB',
      meaning: 'A database.',
      type: 'URL',
      bounds: 'postgres://',
      unit: undefined,
      fallback: undefined,
      isRequired: true,
    },
    {
      name: 'NAME',
      meaning: 'A name.',
      type: 'text',
      bounds: undefined,
      unit: undefined,
      fallback: undefined,
      isRequired: false,
    },
    {
      name: 'PEERS',
      meaning: 'Peers.',
      type: 'addresses',
      bounds: 'host:port, ...',
      unit: undefined,
      fallback: 'a:1,b:2',
      isRequired: false,
    },
  ]);
});
