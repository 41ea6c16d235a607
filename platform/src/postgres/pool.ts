import { Socket } from 'node:net';

import pg from 'pg';

import { toAppError } from './failure.ts';

export interface QueryResult {
  rows: any[];
  /** Rows read or written; meaningless for commands that do neither. */
  rowCount: number;
  readonly command: string;
}

/** What pgtyped's queries run on: a pool or a transaction. */
export interface Queryable {
  query(text: string, values?: any[]): Promise<QueryResult>;
}

export interface Transaction extends Queryable {
  /**
   * Takes a query that was started and not awaited, and sends COMMIT right behind it, in one round trip. Its error is the
   * transaction's error.
   */
  sendWithCommit(query: Promise<unknown>): void;
}

export interface TransactionOptions {
  /** What the caller has left; becomes `set local statement_timeout` where it is shorter than the role's. */
  readonly timeoutMs?: number;
  /** One snapshot for all reads: REPEATABLE READ, READ ONLY. */
  readonly snapshot?: boolean;
}

/**
 * A pool of pipelined connections: queries that are started together leave in one flush.
 *
 * int8 is a bigint in results. A database that is away or too slow is AppError `unavailable`, with the driver's error as
 * its cause; `failureOf` tells more.
 */
export interface Db extends Queryable, AsyncDisposable {
  /** Queries that each end with what their caller has left: the shorter of `timeoutMs` and the role's own limit. */
  within(timeoutMs: number): Queryable;
  /**
   * Runs `work` between BEGIN and COMMIT on one connection; rolls back when it throws. BEGIN leaves with the first
   * queries. Resolves only when the server answered COMMIT to the commit: behind a failed statement it answers ROLLBACK,
   * without an error.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
}

export interface DbOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly maxConnections: number;
  /** Longest wait for a free or new connection. */
  readonly connectTimeoutMs?: number;
  /** Longest wait for an answer; longer than the role's transaction_timeout, for a server that stopped altogether. */
  readonly answerTimeoutMs?: number;
  /** Named statements save planning. Off before pgbouncer older than 1.21. */
  readonly namedStatements?: boolean;
  readonly onError?: (error: Error) => void;
}

// The role's own limit, see ROLE_TIMEOUTS: a caller's deadline only shortens it.
const STATEMENT_TIMEOUT_MS = 3000;
// Spread lists would make a text each; past the bound a text goes unnamed.
const MAX_NAMED_STATEMENTS = 256;

const parseInt8 = (text: string) => BigInt(text);

/** The one place that decides how PostgreSQL's types look in TypeScript. */
const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: string) {
    if (format === 'binary') return pg.types.getTypeParser(oid, 'binary');
    if (oid === 20) return parseInt8;
    if (oid === 1016) return parseInt8Array;
    return pg.types.getTypeParser(oid, 'text');
  },
};

function parseInt8Array(text: string): (bigint | null)[] {
  if (text === '{}') return [];
  return text
    .slice(1, -1)
    .split(',')
    .map((item) => (item === 'NULL' ? null : BigInt(item)));
}

/** Opens a pool. Connects on first use; dispose it to close all connections after their queries. */
export function openDb(options: DbOptions): Db {
  const config: pg.PoolConfig & { pipeline: boolean } = {
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.maxConnections,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 2000,
    query_timeout: options.answerTimeoutMs ?? 5000,
    keepAlive: true,
    idleTimeoutMillis: 60_000,
    pipeline: true,
    stream: openSocket,
    types,
  };
  const pool = new pg.Pool(config);
  const report = options.onError ?? (() => {});
  // Without a listener, a connection that the server closes would end the process.
  pool.on('error', report);
  pool.on('connect', (client) => client.on('error', report));

  const named = createNamer(options.namedStatements ?? true);

  const transaction: Db['transaction'] = async (work, transactionOptions = {}) => {
    let client: pg.PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw toAppError(error);
    }
    let failed: unknown;
    try {
      return await runTransaction(client, named, work, transactionOptions);
    } catch (error) {
      failed = error;
      throw toAppError(error);
    } finally {
      // After an error the connection's state is a guess: a new one is cheaper than a wrong one.
      client.release(failed !== undefined && !(await rolledBack(client)));
    }
  };

  const query: Db['query'] = async (text, values) => {
    try {
      return (await pool.query(named(text, values))) as QueryResult;
    } catch (error) {
      throw toAppError(error);
    }
  };

  return {
    query,
    transaction,
    within: (timeoutMs) =>
      timeoutMs >= STATEMENT_TIMEOUT_MS
        ? { query }
        : {
            query: (text, values) =>
              transaction(
                async (tx) => {
                  const result = tx.query(text, values);
                  tx.sendWithCommit(result);
                  return result;
                },
                { timeoutMs },
              ),
          },
    async [Symbol.asyncDispose]() {
      await pool.end();
    },
  };
}

/**
 * A socket that sends in one system call what is written in one turn of the event loop. The driver makes one of each
 * statement; cart's checkouts a second grew by a twelfth without them.
 */
function openSocket(): Socket {
  const socket = new Socket();
  // Connecting sets `write` back to the prototype's, so that neither a subclass nor an earlier change would hold.
  socket.once('connect', () => {
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    let isHeld = false;
    socket.write = (...args: unknown[]) => {
      if (!isHeld) {
        isHeld = true;
        socket.cork();
        process.nextTick(() => {
          isHeld = false;
          socket.uncork();
        });
      }
      return write(...args);
    };
  });
  return socket;
}

type Namer = (text: string, values: any[] | undefined) => pg.QueryConfig;

function createNamer(enabled: boolean): Namer {
  const names = new Map<string, string>();
  return (text, values) => {
    let name = names.get(text);
    if (enabled && name === undefined && values !== undefined && names.size < MAX_NAMED_STATEMENTS) {
      name = `s${names.size}`;
      names.set(text, name);
    }
    const config: pg.QueryConfig = { text };
    if (values !== undefined) config.values = values;
    if (name !== undefined && values !== undefined) config.name = name;
    return config;
  };
}

async function runTransaction<T>(
  client: pg.PoolClient,
  named: Namer,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const opened = [client.query(options.snapshot ? 'begin isolation level repeatable read read only' : 'begin')];
  if (options.timeoutMs !== undefined) {
    const timeoutMs = Math.max(1, Math.min(Math.floor(options.timeoutMs), STATEMENT_TIMEOUT_MS));
    opened.push(client.query(`set local statement_timeout = ${timeoutMs}`));
  }
  const begun = Promise.all(opened);
  begun.catch(() => {});
  let last: Promise<unknown> = Promise.resolve();
  const result = await work({
    query: (text, values) => client.query(named(text, values)) as Promise<QueryResult>,
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
  if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}: a statement in it failed`);
  return result;
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    return false;
  }
}
