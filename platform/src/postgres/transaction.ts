import type pg from 'pg';

import type { ToStatement } from './statement.ts';

/** The result of a query. */
export interface QueryResult {
  rows: any[];
  /** Number of rows read or written. It means nothing for commands that do neither. */
  rowCount: number;
  readonly command: string;
}

/** A pool or a transaction, on which pgtyped's queries run. */
export interface Queryable {
  query(text: string, values?: any[]): Promise<QueryResult>;
}

/** An open transaction. */
export interface Transaction extends Queryable {
  /**
   * Takes a query that was started and not awaited, and sends COMMIT right after it, in the same round trip. An error
   * of the query becomes the error of the transaction.
   */
  sendWithCommit(query: Promise<unknown>): void;
}

/** Options of a transaction. */
export interface TransactionOptions {
  /** Milliseconds that the caller has left. They replace the role's statement_timeout if that is longer. */
  readonly timeoutMs?: number;
  /** Reads everything from one snapshot: REPEATABLE READ, READ ONLY. */
  readonly snapshot?: boolean;
}

/** Statement timeout of the role `tally`, see ROLE_TIMEOUTS. A caller's deadline can only shorten it. */
export const STATEMENT_TIMEOUT_MS = 3000;

/**
 * Runs `work` between BEGIN and COMMIT on this connection. Throws its error without rolling back; see `rollBack`.
 *
 * Queries are pipelined: BEGIN is not awaited, and leaves with the first queries of the work. After a failed statement
 * the server answers COMMIT with ROLLBACK and without an error, so this answer is checked.
 */
export async function runTransaction<T>(
  client: Pick<pg.PoolClient, 'query'>,
  toStatement: ToStatement,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const opened = [client.query(options.snapshot ? 'begin isolation level repeatable read read only' : 'begin')];
  if (options.timeoutMs !== undefined) {
    const timeoutMs = Math.max(1, Math.min(Math.floor(options.timeoutMs), STATEMENT_TIMEOUT_MS));
    opened.push(client.query(`set local statement_timeout = ${timeoutMs}`));
  }
  const begun = Promise.all(opened);
  // Each promise with an empty `catch` is awaited later. Without it, a rejection before that would count as unhandled.
  begun.catch(() => {});
  let last: Promise<unknown> = Promise.resolve();
  const result = await work({
    query: (text, values) => client.query(toStatement(text, values)) as Promise<QueryResult>,
    sendWithCommit: (query) => {
      query.catch(() => {});
      last = query;
    },
  });
  await begun;
  const committed = client.query('commit');
  committed.catch(() => {});
  await last;
  const { command } = await committed;
  if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command} because a statement in it failed`);
  return result;
}

/** Rolls back after an error. Resolves with false when that fails: the connection must then not be used again. */
export async function rollBack(client: Pick<pg.PoolClient, 'query'>): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    return false;
  }
}
