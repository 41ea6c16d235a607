/** All that is wrong with a configuration, in one message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`bad configuration:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** A configuration variable as `--help` shows it. */
export interface Variable {
  readonly name: string;
  readonly meaning: string;
  readonly fallback: string | undefined;
}

export interface IntegerBounds {
  readonly fallback?: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Reads variables and collects every fault. A malformed value never becomes the default; a variable without a default
 * must be set.
 */
export interface ConfigReader {
  integer(name: string, meaning: string, bounds: IntegerBounds): number;
  /** A TCP port; 0 lets the system choose. */
  port(name: string, meaning: string, fallback?: number): number;
  /** An URL with one of these schemes. */
  url(name: string, meaning: string, schemes: readonly string[], fallback?: string): string;
  /** Such a URL; absent or empty is undefined. */
  optionalUrl(name: string, meaning: string, schemes: readonly string[]): string | undefined;
  /** Such URLs, separated by commas, no two the same; absent or empty is none. */
  optionalUrls(name: string, meaning: string, schemes: readonly string[]): string[];
  /** Any non-empty text. */
  text(name: string, meaning: string, fallback?: string): string;
  /** Any non-empty text; absent or empty is undefined. */
  optional(name: string, meaning: string): string | undefined;
  oneOf<const T extends string>(name: string, meaning: string, choices: readonly T[], fallback?: T): T;
  /** `host:port`, one or more, separated by commas. */
  addresses(name: string, meaning: string, fallback?: string): string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a whole configuration. Throws ConfigError with every fault. */
export function readConfig<T>(env: Environment, read: (reader: ConfigReader) => T): T {
  const faults: string[] = [];
  const config = read(createReader(env, faults, () => {}));
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** What `read` would ask for, for `--help`. */
export function listVariables(read: (reader: ConfigReader) => unknown): Variable[] {
  const variables: Variable[] = [];
  read(createReader({}, [], (variable) => variables.push(variable)));
  return variables;
}

function createReader(env: Environment, faults: string[], onVariable: (variable: Variable) => void): ConfigReader {
  // A wrong value is reported without being shown where it may hold a password.
  function take<T>(
    name: string,
    meaning: string,
    fallback: T | undefined,
    parse: (raw: string) => T | undefined,
    expected: string,
    shown = true,
  ): T {
    onVariable({ name, meaning, fallback: fallback === undefined ? undefined : String(fallback) });
    const raw = env[name]?.trim();
    if (raw === undefined || raw === '') {
      if (fallback === undefined) faults.push(`${name} is not set: ${meaning}; expected ${expected}`);
      return fallback as T;
    }
    const value = parse(raw);
    if (value === undefined) {
      faults.push(`${name}${shown ? ` is '${raw}'` : ' is malformed'}: ${meaning}; expected ${expected}`);
      return fallback as T;
    }
    return value;
  }

  const integer: ConfigReader['integer'] = (name, meaning, { fallback, min, max }) =>
    take(
      name,
      meaning,
      fallback,
      (raw) => {
        const value = /^-?\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN;
        return value >= min && value <= max ? value : undefined;
      },
      `a whole number from ${min} to ${max}`,
    );

  const isUrl = (raw: string, schemes: readonly string[]) =>
    URL.canParse(raw) && schemes.includes(new URL(raw).protocol.slice(0, -1));
  const describeUrl = (schemes: readonly string[]) =>
    `a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;

  function optionalUrls(name: string, meaning: string, schemes: readonly string[], isSingle: boolean): string[] {
    onVariable({ name, meaning, fallback: 'none' });
    const text = env[name]?.trim() ?? '';
    if (text === '') return [];
    const urls = isSingle ? [text] : text.split(',').map((raw) => raw.trim());
    if (urls.every((raw) => isUrl(raw, schemes)) && new Set(urls).size === urls.length) return urls;
    const expected = `${describeUrl(schemes)}${isSingle ? '' : ', or several with commas, no two the same'}`;
    faults.push(`${name} is malformed: ${meaning}; expected ${expected}`);
    return [];
  }

  return {
    integer,
    port: (name, meaning, fallback) =>
      integer(name, meaning, { min: 0, max: 65_535, ...(fallback === undefined ? {} : { fallback }) }),
    url: (name, meaning, schemes, fallback) =>
      take(name, meaning, fallback, (raw) => (isUrl(raw, schemes) ? raw : undefined), describeUrl(schemes), false),
    optionalUrl: (name, meaning, schemes) => optionalUrls(name, meaning, schemes, true)[0],
    optionalUrls: (name, meaning, schemes) => optionalUrls(name, meaning, schemes, false),
    text: (name, meaning, fallback) => take(name, meaning, fallback, (raw) => raw, 'a text'),
    optional: (name, meaning) => {
      onVariable({ name, meaning, fallback: 'none' });
      return env[name]?.trim() || undefined;
    },
    oneOf: (name, meaning, choices, fallback) =>
      take(name, meaning, fallback, (raw) => choices.find((choice) => choice === raw), `one of: ${choices.join(', ')}`),
    addresses: (name, meaning, fallback) =>
      take(name, meaning, fallback?.split(','), (raw) => parseAddresses(raw), 'host:port, or several with commas'),
  };
}

function parseAddresses(raw: string): string[] | undefined {
  const addresses = raw.split(',').map((address) => address.trim());
  return addresses.every((address) => /^[^\s:]+:\d{1,5}$/.test(address)) ? addresses : undefined;
}
