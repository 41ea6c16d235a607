import { createClient } from 'redis';

export interface RedisOptions {
  /** `redis://host:port` or `rediss://…`, with a password where one is needed. */
  readonly url: string;
  /** Of this program, as CLIENT LIST shows it. */
  readonly name: string;
  /** From the call to the answer. */
  readonly commandLimitMs: number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Told once when the server goes away, and once when it is back. */
  readonly onChange?: (isThere: boolean, error?: unknown) => void;
}

/** The server cannot be asked, or did not answer in time. Whether it did what was asked is not known. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';
}

export interface Redis extends AsyncDisposable {
  /** `host:port`: names the server in logs, and is no secret. */
  readonly address: string;
  /** Connected, as far as is known. */
  readonly isReady: boolean;
  /** Sends one command and its arguments. Commands of one turn of the event loop go out together. */
  send(...command: readonly string[]): Promise<unknown>;
  /** Resolves when it is connected, and at the latest when the limit has passed. */
  untilReady(limitMs: number): Promise<void>;
  /** Called at every connection, before the first command goes out. */
  onReady: () => void;
}

const CONNECT_LIMIT_MS = 1_000;
const MAX_RECONNECT_PAUSE_MS = 200;
const MAX_QUEUED_COMMANDS = 10_000;

/**
 * A connection to a Redis that may be away: it connects in the background and again within 200 ms of the server's return.
 * Meanwhile every command fails at once, and one that stays unanswered fails after its limit, as RedisAwayError. What the
 * server itself refuses is an error of its own.
 */
export function openRedis(options: RedisOptions): Redis {
  const { url, name, commandLimitMs, random, onChange } = options;
  const client = createClient({
    url,
    name,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_QUEUED_COMMANDS,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // Its own limit ends when a command is written; ours lasts until the answer.
    commandOptions: { timeout: 0 },
    socket: {
      connectTimeout: CONNECT_LIMIT_MS,
      // Random, so that instances do not come back all at once.
      reconnectStrategy: () => MAX_RECONNECT_PAUSE_MS * (0.5 + random() / 2),
    },
  });
  let wasThere: boolean | undefined;
  const change = (isThere: boolean, error?: unknown) => {
    if (isThere === wasThere) return;
    wasThere = isThere;
    onChange?.(isThere, error);
  };
  client.on('error', (error: unknown) => change(false, error));
  client.on('ready', () => {
    change(true);
    redis.onReady();
  });
  // Its failures come as events, and it tries again by itself.
  client.connect().catch(() => {});

  const redis: Redis = {
    address: new URL(url).host,
    get isReady() {
      return client.isReady;
    },
    async send(...command) {
      if (!client.isReady) throw new RedisAwayError(`no connection to Redis at ${redis.address}`);
      try {
        return await within(commandLimitMs, client.sendCommand([...command]));
      } catch (error) {
        if (isOfServer(error) || error instanceof RedisAwayError) throw error;
        throw new RedisAwayError(`the connection to Redis at ${redis.address} broke`, { cause: error });
      }
    },
    async untilReady(limitMs) {
      const untilMs = performance.now() + limitMs;
      while (!client.isReady && performance.now() < untilMs) await Bun.sleep(5);
    },
    onReady: () => {},
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
  return redis;
}

/** An answer of the server that says no. */
function isOfServer(error: unknown): boolean {
  return error instanceof Error && ['ErrorReply', 'SimpleError', 'BlobError'].includes(error.constructor.name);
}

function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      // An answer may lie there already, where it was this process that was busy: one more turn of the event loop reads it.
      setImmediate(() => setImmediate(() => reject(new RedisAwayError(`Redis did not answer within ${limitMs} ms`))));
    }, limitMs);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
