import type { StockEntry } from '@tally/loms/stock-load';
import { AppError } from '@tally/platform/errors';

const MAX_FILE_CHARACTERS = 64 * 1024 * 1024;
const MAX_SKU = 4_294_967_295;
// The largest whole number that every JSON parser keeps exact.
const MAX_UNITS = Number.MAX_SAFE_INTEGER;
const MAX_LISTED_FAULTS = 20;

// Matches one entry and the character after it. Entries are flat, so a brace inside one is part of a string.
const ENTRY = /(\s*)(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})\s*([,\]])/y;
const EMPTY_LIST = /^\s*\[\s*\]\s*$/;

const FIELDS = {
  sku: { min: 1, max: MAX_SKU },
  total_count: { min: 0, max: MAX_UNITS },
  reserved: { min: 0, max: MAX_UNITS },
} as const;

/**
 * Parses a stock file, `[{"sku": 1148162, "total_count": 300, "reserved": 0}, …]`. `reserved` becomes `held`: goods
 * that are reserved outside this system. If anything is wrong, throws one AppError that names the line and the value of
 * each fault.
 */
export function parseStockFile(text: string): StockEntry[] {
  if (text.length > MAX_FILE_CHARACTERS) throw badFile([`it is larger than ${MAX_FILE_CHARACTERS} characters`]);
  const faults: string[] = [];
  const entries: StockEntry[] = [];
  const lineOfSku = new Map<number, number>();
  for (const { raw, line } of splitEntries(text, faults)) {
    const entry = parseEntry(raw, line, faults);
    if (entry === undefined) continue;
    const earlier = lineOfSku.get(entry.sku);
    if (earlier !== undefined) faults.push(`line ${line}: sku ${entry.sku} is already on line ${earlier}`);
    lineOfSku.set(entry.sku, line);
    entries.push(entry);
  }
  if (faults.length > 0) throw badFile(faults);
  return entries;
}

interface RawEntry {
  readonly raw: string;
  /** Line number in the file, from 1. */
  readonly line: number;
}

/** Splits the list into entries with line numbers, because JSON.parse does not say where it failed. */
function* splitEntries(text: string, faults: string[]): Generator<RawEntry> {
  if (EMPTY_LIST.test(text)) return;
  let at = /^\s*\[/.exec(text)?.[0].length;
  if (at === undefined) {
    faults.push(`line 1: the file begins with ${show(text)}; expected a list in [ ]`);
    return;
  }
  const lines = createLineCounter(text);
  for (let isLast = false; !isLast;) {
    ENTRY.lastIndex = at;
    const [, blank = '', raw, separator] = ENTRY.exec(text) ?? [];
    if (raw === undefined) {
      const rest = text.slice(at).trimStart();
      faults.push(`line ${lines.of(text.length - rest.length)}: ${show(rest)} is not an entry {…} followed by , or ]`);
      return;
    }
    yield { raw, line: lines.of(at + blank.length) };
    at = ENTRY.lastIndex;
    isLast = separator === ']';
  }
  const rest = text.slice(at).trimStart();
  if (rest !== '')
    faults.push(`line ${lines.of(text.length - rest.length)}: ${show(rest)} comes after the end of the list`);
}

/** Returns line numbers of positions. The positions must be asked for in ascending order. */
function createLineCounter(text: string) {
  let line = 1;
  let counted = 0;
  return {
    of(at: number): number {
      for (let next = text.indexOf('\n', counted); next !== -1 && next < at; next = text.indexOf('\n', counted)) {
        line += 1;
        counted = next + 1;
      }
      return line;
    },
  };
}

function parseEntry(raw: string, line: number, faults: string[]): StockEntry | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(raw) as Record<string, unknown>;
  } catch {
    faults.push(`line ${line}: ${show(raw)} is not JSON`);
    return undefined;
  }
  const take = (name: keyof typeof FIELDS): number => {
    const value = fields[name];
    const { min, max } = FIELDS[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    const given =
      value === undefined ? 'is missing' : `is ${typeof value === 'number' ? value : show(JSON.stringify(value))}`;
    faults.push(`line ${line}${skuOf(fields)}: ${name} ${given}; expected a whole number from ${min} to ${max}`);
    return Number.NaN;
  };
  const [sku, total, held] = [take('sku'), take('total_count'), take('reserved')];
  if ([sku, total, held].some(Number.isNaN)) return undefined;
  return { sku, total: BigInt(total), held: BigInt(held) };
}

const skuOf = ({ sku }: Record<string, unknown>) => (typeof sku === 'number' ? ` (sku ${sku})` : '');

const MAX_SHOWN = 40;

function show(text: string): string {
  const [first = ''] = text.trim().split('\n');
  if (first === '') return 'nothing';
  return first.length > MAX_SHOWN ? `${first.slice(0, MAX_SHOWN)}…` : first;
}

function badFile(faults: readonly string[]): AppError {
  const more = faults.length - MAX_LISTED_FAULTS;
  const lines = faults.slice(0, MAX_LISTED_FAULTS).map((fault) => `  - ${fault}`);
  if (more > 0) lines.push(`  - and ${more} more`);
  return new AppError('invalid-argument', `this is not a valid stock file:\n${lines.join('\n')}`);
}
