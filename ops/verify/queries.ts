import { CONTRACT } from './contract.ts';

/** How many of the newest records of each partition are looked at, unless all are. */
export const NEWEST_RECORDS = 5_000;

/** Reads files of queries, each headed by a comment with its `@name`, and returns a function that finds a query by name. */
export function readQueries(...files: readonly string[]): (name: string) => string {
  const queries = new Map<string, string>();
  for (const file of files) {
    // What stands before the first name is a comment on the file.
    const [, ...sections] = file.split(/^\/\* @name (.+) \*\/$/m);
    for (let i = 0; i < sections.length; i += 2) queries.set(sections[i] ?? '', (sections[i + 1] ?? '').trim());
  }
  return (name) => {
    const query = queries.get(name);
    if (query === undefined) throw new Error(`there is no query '${name}' among ${[...queries.keys()].join(', ')}`);
    return query;
  };
}

/**
 * Turns a query with parameters by name, such as `:chosen`, into one with `$1`, `$2`, …, as PostgreSQL takes it. The
 * values come from `values`, or from the contract.
 */
export function bind(query: string, values: Readonly<Record<string, unknown>>): { text: string; values: unknown[] } {
  const available: Readonly<Record<string, unknown>> = { ...CONTRACT, newest_records: NEWEST_RECORDS, ...values };
  const names: string[] = [];
  // A comment is left as it is, and `::` begins a cast.
  const text = query.replaceAll(/--.*|(?<!:):([a-z_]+)/g, (match, name: string | undefined) => {
    if (name === undefined) return match;
    if (available[name] === undefined) throw new Error(`the parameter ':${name}' has no value in:\n${query}`);
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 1}`;
  });
  return { text, values: names.map((name) => available[name]) };
}
