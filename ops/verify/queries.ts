import { CONTRACT } from './contract.ts';

/** The number of newest records of each partition that verify looks at without --full. */
export const NEWEST_RECORDS = 5_000;

/** Splits files into queries, each headed by a comment with its `@name`, and returns a function that finds a query. */
export function readQueries(...files: readonly string[]): (name: string) => string {
  const queries = new Map<string, string>();
  for (const file of files) {
    // The text before the first name is a comment on the file.
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
 * Turns a query that names its parameters, such as `:chosen`, into one that numbers them, `$1`, `$2`, …, as PostgreSQL
 * takes it. A value comes from `values` or, if it is not there, from the contract.
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
