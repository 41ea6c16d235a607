/** A configuration that cannot be used. `faults` has an entry of one or two sentences for each wrong variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`bad configuration:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** An environment variable, as `--help` and the table in docs/running.md describe it. */
export interface Variable {
  readonly name: string;
  /** One sentence, with its full stop. */
  readonly meaning: string;
  /** `number`, `port`, `text`, `choice`, `URL`, `URLs` or `addresses`. The last two are lists, separated by commas. */
  readonly type: string;
  /** The values that are allowed: `1 to 1000`, `redis:// or rediss://`, `true, false`; undefined when every text is. */
  readonly bounds: string | undefined;
  /** `ms`, `s`, `MiB`, `connections`; undefined when the value has no unit. */
  readonly unit: string | undefined;
  /** The value that is used when the variable is absent or empty; undefined when there is none. */
  readonly fallback: string | undefined;
  /** Whether the program refuses to start without a value. */
  readonly isRequired: boolean;
}

/** Bounds of a whole number, both inclusive. A variable without a fallback must be set. */
interface IntegerBounds {
  readonly fallback?: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
}

/**
 * Reads environment variables. `meaning` is one sentence with its full stop.
 *
 * A value is trimmed, and an empty one counts as absent. A variable without a fallback must be set, unless it is read
 * by an `optional...` method. A malformed value is a fault; it is never replaced by the fallback.
 */
export interface ConfigReader {
  /** Reads a whole number in decimal digits, with at most 15 digits. */
  integer(name: string, meaning: string, bounds: IntegerBounds): number;
  /** Reads a TCP port. 0 lets the operating system choose one; a `min` of 1 forbids that. */
  port(name: string, meaning: string, fallback?: number, min?: 0 | 1): number;
  /** Reads a URL with one of these schemes. A fault does not show the value, which may hold a password. */
  url(name: string, meaning: string, schemes: readonly string[], fallback?: string): string;
  /** Reads a URL with one of these schemes; undefined when absent. */
  optionalUrl(name: string, meaning: string, schemes: readonly string[]): string | undefined;
  /** Reads URLs separated by commas, no two of them equal; empty when absent. */
  optionalUrls(name: string, meaning: string, schemes: readonly string[]): string[];
  /** Reads any text. */
  text(name: string, meaning: string, fallback?: string): string;
  /** Reads any text; undefined when absent. */
  optional(name: string, meaning: string): string | undefined;
  /** Reads one of these words. */
  oneOf<const T extends string>(name: string, meaning: string, choices: readonly T[], fallback?: T): T;
  /** Reads one or more `host:port`, separated by commas. */
  addresses(name: string, meaning: string, fallback?: string): string[];
  /** Reads one or more `host:port`, separated by commas; undefined when absent. */
  optionalAddresses(name: string, meaning: string): string[] | undefined;
}

/** The variables of a process, or a part of them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a whole configuration. Throws one ConfigError with every fault. */
export function readConfig<T>(env: Environment, read: (reader: ConfigReader) => T): T {
  const faults: string[] = [];
  const config = read(createReader(env, faults, () => {}));
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** Returns the variables that `read` asks for when none is set. A variable that is read twice is listed twice. */
export function listVariables(read: (reader: ConfigReader) => unknown): Variable[] {
  const variables: Variable[] = [];
  read(createReader({}, [], (variable) => variables.push(variable)));
  return variables;
}

/** How one kind of value is described and parsed. */
interface Kind<T> {
  readonly type: string;
  readonly bounds?: string;
  readonly unit?: string;
  /** Completes the sentence "expected ...". */
  readonly expected: string;
  /** Whether a fault must not show the value, which may hold a password. */
  readonly isSecret?: boolean;
  /** Returns undefined for a malformed value. */
  readonly parse: (raw: string) => T | undefined;
}

function createReader(env: Environment, faults: string[], onVariable: (variable: Variable) => void): ConfigReader {
  /** Returns undefined when the variable is absent or malformed. */
  function read<T>(
    name: string,
    meaning: string,
    kind: Kind<T>,
    rest: Pick<Variable, 'fallback' | 'isRequired'>,
  ): T | undefined {
    const { type, bounds, unit, expected } = kind;
    onVariable({ name, meaning, type, bounds, unit, ...rest });
    const raw = env[name]?.trim() ?? '';
    if (raw === '') {
      if (rest.isRequired) faults.push(`${name} is not set; expected ${expected}. ${meaning}`);
      return undefined;
    }
    const value = kind.parse(raw);
    if (value === undefined) {
      faults.push(`${name} is ${kind.isSecret ? 'malformed' : `'${raw}'`}; expected ${expected}. ${meaning}`);
    }
    return value;
  }

  /** Reads a value, or takes the fallback. After a fault it returns undefined, and `readConfig` throws. */
  const take = <T>(name: string, meaning: string, kind: Kind<T>, fallback: T | undefined): T =>
    (read(name, meaning, kind, {
      fallback: fallback === undefined ? undefined : String(fallback),
      isRequired: fallback === undefined,
    }) ?? fallback) as T;

  const takeOptional = <T>(name: string, meaning: string, kind: Kind<T>): T | undefined =>
    read(name, meaning, kind, { fallback: undefined, isRequired: false });

  return {
    integer: (name, meaning, { fallback, ...bounds }) => take(name, meaning, integerKind(bounds), fallback),
    port: (name, meaning, fallback, min = 0) => take(name, meaning, portKind(min), fallback),
    url: (name, meaning, schemes, fallback) => take(name, meaning, urlKind(schemes), fallback),
    optionalUrl: (name, meaning, schemes) => takeOptional(name, meaning, urlKind(schemes)),
    optionalUrls: (name, meaning, schemes) => takeOptional(name, meaning, urlsKind(schemes)) ?? [],
    text: (name, meaning, fallback) => take(name, meaning, TEXT, fallback),
    optional: (name, meaning) => takeOptional(name, meaning, TEXT),
    oneOf: (name, meaning, choices, fallback) => take(name, meaning, choiceKind(choices), fallback),
    addresses: (name, meaning, fallback) => take(name, meaning, ADDRESSES, fallback?.split(',')),
    optionalAddresses: (name, meaning) => takeOptional(name, meaning, ADDRESSES),
  };
}

const TEXT: Kind<string> = { type: 'text', expected: 'a text', parse: (raw) => raw };

const ADDRESSES: Kind<string[]> = {
  type: 'addresses',
  bounds: 'host:port, ...',
  expected: 'one or more host:port, separated by commas',
  parse: (raw) => {
    const addresses = raw.split(',').map((address) => address.trim());
    return addresses.every((address) => /^[^\s:]+:\d{1,5}$/.test(address)) ? addresses : undefined;
  },
};

const portKind = (min: number): Kind<number> => ({ ...integerKind({ min, max: 65_535 }), type: 'port' });

function integerKind({ min, max, unit }: { min: number; max: number; unit?: string }): Kind<number> {
  return {
    type: 'number',
    bounds: `${min} to ${max}`,
    ...(unit !== undefined && { unit }),
    expected: `a whole number from ${min} to ${max}`,
    parse: (raw) => {
      const value = /^-?\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

function choiceKind<T extends string>(choices: readonly T[]): Kind<T> {
  const bounds = choices.join(', ');
  return {
    type: 'choice',
    bounds,
    expected: `one of ${bounds}`,
    parse: (raw) => choices.find((choice) => choice === raw),
  };
}

function urlKind(schemes: readonly string[]): Kind<string> {
  const bounds = schemes.map((scheme) => `${scheme}://`).join(' or ');
  return {
    type: 'URL',
    bounds,
    expected: `a URL that begins with ${bounds}`,
    isSecret: true,
    parse: (raw) => (URL.canParse(raw) && schemes.includes(new URL(raw).protocol.slice(0, -1)) ? raw : undefined),
  };
}

function urlsKind(schemes: readonly string[]): Kind<string[]> {
  const one = urlKind(schemes);
  return {
    ...one,
    type: 'URLs',
    expected: `${one.expected}, or several different ones, separated by commas`,
    parse: (raw) => {
      const urls = raw.split(',').map((url) => url.trim());
      const areWellFormed = urls.every((url) => one.parse(url) !== undefined);
      return areWellFormed && new Set(urls).size === urls.length ? urls : undefined;
    },
  };
}
