import type pg from 'pg';

/** Turns a query into what the driver sends. */
export type ToStatement = (text: string, values?: any[]) => pg.QueryConfig;

// A query that takes each element of a list as a parameter has another text for each length of the list, so there may
// be very many texts. Once this many texts have a name, further ones are sent without one.
const MAX_NAMED_STATEMENTS = 256;

/**
 * Creates the function that names statements: each text with parameters gets a name of its own, so that the server
 * plans it once for each connection. Without `isNaming`, no statement has a name.
 */
export function createToStatement(isNaming: boolean): ToStatement {
  const names = new Map<string, string>();
  return (text, values) => {
    if (values === undefined) return { text };
    let name = names.get(text);
    if (isNaming && name === undefined && names.size < MAX_NAMED_STATEMENTS) {
      name = `s${names.size}`;
      names.set(text, name);
    }
    return name === undefined ? { text, values } : { text, values, name };
  };
}
