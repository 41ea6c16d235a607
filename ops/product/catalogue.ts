import { readFileSync } from 'node:fs';

export interface CatalogueEntry {
  readonly name: string;
  readonly price: number;
}

/** The products, by sku. */
export interface Catalogue {
  find(sku: number): CatalogueEntry | undefined;
  /** Returns up to `count` skus greater than `sku`, in ascending order. */
  after(sku: number, count: number): number[];
  readonly size: number;
}

const MAX_SKU = 4_294_967_295;

/** Reads a file of the form `{"<sku>": {"name", "price"}}` and adds generated products whose skus start at 1. */
export function readCatalogue(path: string, generated: number): Catalogue {
  const entries = new Map<number, CatalogueEntry>(
    Array.from({ length: generated }, (_, i) => [i + 1, generate(i + 1)]),
  );
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`${path}: expected an object of products by sku`);
  for (const [key, value] of Object.entries(parsed)) entries.set(toSku(path, key), toEntry(path, key, value));
  const skus = [...entries.keys()].toSorted((a, b) => a - b);
  return {
    find: (sku) => entries.get(sku),
    after(sku, count) {
      const from = skus.findIndex((candidate) => candidate > sku);
      return from === -1 ? [] : skus.slice(from, from + count);
    },
    size: skus.length,
  };
}

function generate(sku: number): CatalogueEntry {
  return { name: `Product ${sku}`, price: 100 + ((sku * 7919) % 9900) };
}

function toSku(path: string, key: string): number {
  const sku = Number(key);
  if (!/^\d+$/.test(key) || sku < 1 || sku > MAX_SKU)
    throw new Error(`${path}: '${key}' is not a sku: expected a whole number from 1 to ${MAX_SKU}`);
  return sku;
}

function toEntry(path: string, key: string, value: unknown): CatalogueEntry {
  const entry = value as Partial<CatalogueEntry> | null;
  if (typeof entry?.name === 'string' && Number.isInteger(entry.price)) return entry as CatalogueEntry;
  throw new Error(`${path}: sku ${key} needs a name and a whole price, not ${JSON.stringify(value)}`);
}
