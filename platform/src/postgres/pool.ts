import { Socket } from 'node:net';

import pg from 'pg';

import { toAppError } from './failure.ts';
import { type ToStatement, createToStatement } from './statement.ts';
import {
  type QueryResult,
  type Queryable,
  STATEMENT_TIMEOUT_MS,
  type Transaction,
  type TransactionOptions,
  rollBack,
  runTransaction,
} from './transaction.ts';
import { types } from './types.ts';

export type { QueryResult, Queryable, Transaction, TransactionOptions } from './transaction.ts';

/**
 * A pool of pipelined connections: queries that are started together are sent in one flush.
 *
 * An int8 in a result is a bigint. A query throws AppError `unavailable` when the database cannot be reached or does
 * not answer in time. Its cause is the driver's error, which `failureOf` classifies. Disposing the pool closes its
 * connections when their queries have ended.
 */
export interface Db extends Queryable, AsyncDisposable {
  /** Returns a pool whose queries each end after `timeoutMs`, or at the role's own limit if that is shorter. */
  within(timeoutMs: number): Queryable;
  /**
   * Runs `work` between BEGIN and COMMIT on one connection, and rolls back when it throws. Resolves only when the
   * server has confirmed the commit.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
}

/** Options of a pool. */
interface DbOptions {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly maxConnections: number;
  /** Maximum milliseconds to wait for a free or new connection. 2000 by default. */
  readonly connectTimeoutMs?: number;
  /**
   * Maximum milliseconds to wait for an answer. 5000 by default. It must exceed the role's transaction_timeout, because
   * it is meant for a server that answers nothing at all.
   */
  readonly answerTimeoutMs?: number;
  /** Whether queries are named statements, which saves planning. True by default. pgbouncer before 1.21 needs false. */
  readonly namedStatements?: boolean;
  /** Receives errors of idle connections. */
  readonly onError?: (error: Error) => void;
}

/** Opens a pool. It connects at the first query. */
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
  return createDb(pool, createToStatement(options.namedStatements ?? true));
}

/** The part of pg.Pool that `createDb` uses. */
export interface Pool {
  connect(): Promise<Pick<pg.PoolClient, 'query' | 'release'>>;
  query(statement: pg.QueryConfig): Promise<unknown>;
  end(): Promise<void>;
}

/** Creates a Db on a pool of the driver. */
export function createDb(pool: Pool, toStatement: ToStatement): Db {
  const query: Db['query'] = async (text, values) => {
    try {
      return (await pool.query(toStatement(text, values))) as QueryResult;
    } catch (error) {
      throw toAppError(error);
    }
  };

  const transaction: Db['transaction'] = async (work, options = {}) => {
    const client = await pool.connect().catch((error: unknown) => {
      throw toAppError(error);
    });
    let isUsable = true;
    try {
      return await runTransaction(client, toStatement, work, options);
    } catch (error) {
      // A connection that cannot roll back is in an unknown state, and is closed.
      isUsable = await rollBack(client);
      throw toAppError(error);
    } finally {
      client.release(!isUsable);
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
 * Opens a socket that collects what is written during one turn of the event loop and sends it in one system call. The
 * driver writes each statement separately, and a plain socket makes a system call for each. With this socket, one of
 * the services answered a twelfth more calls a second.
 */
function openSocket(): Socket {
  const socket = new Socket();
  // On connecting, Bun restores `write` of the prototype. A subclass or an earlier change would therefore be lost.
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
