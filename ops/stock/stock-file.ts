import type { StockEntry } from '@tally/loms/stock-load';
import { AppError } from '@tally/platform/errors';

const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_SKU = 4_294_967_295;
// The largest whole number that every reader of JSON keeps exact.
const MAX_UNITS = Number.MAX_SAFE_INTEGER;
const MAX_LISTED_FAULTS = 20;

// One entry and what stands behind it. Entries are flat, so a brace within one is part of a text.
const ENTRY = /(\s*)(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})\s*([,\]])/y;
const EMPTY_LIST = /^\s*\[\s*\]\s*$/;

const FIELDS = {
  sku: { min: 1, max: MAX_SKU },
  total_count: { min: 0, max: MAX_UNITS },
  reserved: { min: 0, max: MAX_UNITS },
} as const;

/**
 * Reads a stock file, `[{"sku": 1148162, "total_count": 300, "reserved": 0}, …]`. Its `reserved` are goods held outside
 * this system. Throws one AppError that names the line and the value of each fault; a fault means no entry at all.
 */
export function parseStockFile(text: string): StockEntry[] {
  if (text.length > MAX_FILE_BYTES) throw badFile([`it is larger than ${MAX_FILE_BYTES} bytes`]);
  const faults: string[] = [];
  const entries: StockEntry[] = [];
  const lineOfSku = new Map<number, number>();
  for (const { raw, line } of splitEntries(text, faults)) {
    const entry = parseEntry(raw, line, faults);
    if (entry === undefined) continue;
    const earlier = lineOfSku.get(entry.sku);
    if (earlier !== undefined) faults.push(`line ${line}: sku ${entry.sku} stands on line ${earlier} already`);
    lineOfSku.set(entry.sku, line);
    entries.push(entry);
  }
  if (faults.length > 0) throw badFile(faults);
  return entries;
}

interface RawEntry {
  readonly raw: string;
  /** From 1. */
  readonly line: number;
}

/** JSON.parse does not say where it stopped: this splits the list, so that a fault has a line. */
function* splitEntries(text: string, faults: string[]): Generator<RawEntry> {
  if (EMPTY_LIST.test(text)) return;
  let at = /^\s*\[/.exec(text)?.[0].length;
  if (at === undefined) {
    faults.push(`line 1: it begins with ${show(text)}; a list in [ ] was expected`);
    return;
  }
  const lines = createLineCounter(text);
  for (let isLast = false; !isLast;) {
    ENTRY.lastIndex = at;
    const [, blank = '', raw, behind] = ENTRY.exec(text) ?? [];
    if (raw === undefined) {
      const rest = text.slice(at).trimStart();
      faults.push(
        `line ${lines.of(text.length - rest.length)}: ${show(rest)} is not an entry {…} with , or ] behind it`,
      );
      return;
    }
    yield { raw, line: lines.of(at + blank.length) };
    at = ENTRY.lastIndex;
    isLast = behind === ']';
  }
  const rest = text.slice(at).trimStart();
  if (rest !== '')
    faults.push(`line ${lines.of(text.length - rest.length)}: ${show(rest)} stands behind the end of the list`);
}

/** Asked in rising order. */
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
    faults.push(`line ${line}${skuOf(fields)}: ${name} ${given}; a whole number from ${min} to ${max} was expected`);
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
  return new AppError('invalid-argument', `this is no stock file:\n${lines.join('\n')}`);
}
