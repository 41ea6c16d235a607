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
const SILENCE_LIMIT_MS = 1_000;
const MAX_RECONNECT_PAUSE_MS = 200;
const MAX_QUEUED_COMMANDS = 10_000;

/**
 * A connection to a Redis that may be away: it connects in the background and again within 200 ms of the server's return.
 * Meanwhile every command fails at once, and one that stays unanswered fails after its limit, as RedisAwayError. What the
 * server itself refuses is an error of its own. A connection that stays silent for a second is given up for a new one: the
 * network may have lost it, which TCP itself notices only after many minutes.
 */
export function openRedis(options: RedisOptions): Redis {
  const { url, name, commandLimitMs, random, onChange } = options;
  const address = new URL(url).host;
  let client = connect();
  let wasThere: boolean | undefined;
  /** When the oldest command was sent that nothing has answered since. */
  let unansweredSinceMs: number | undefined;

  function change(isThere: boolean, error?: unknown): void {
    if (isThere === wasThere) return;
    wasThere = isThere;
    onChange?.(isThere, error);
  }

  function connect() {
    const fresh = createClient({
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
    let greeting: NodeJS.Timeout | undefined;
    fresh.on('connect', () => {
      // What it says first has no limit of its own.
      greeting = setTimeout(() => giveUp(fresh), SILENCE_LIMIT_MS);
    });
    fresh.on('error', (error: unknown) => {
      clearTimeout(greeting);
      if (fresh === client) change(false, error);
    });
    fresh.on('ready', () => {
      clearTimeout(greeting);
      unansweredSinceMs = undefined;
      change(true);
      redis.onReady();
    });
    // Its failures come as events, and it tries again by itself.
    fresh.connect().catch(() => {});
    return fresh;
  }

  function giveUp(silent: typeof client): void {
    if (silent !== client || !silent.isOpen) return;
    change(false, new RedisAwayError(`the connection to Redis at ${address} is silent`));
    unansweredSinceMs = undefined;
    client = connect();
    silent.destroy();
  }

  const redis: Redis = {
    address,
    get isReady() {
      return client.isReady;
    },
    async send(...command) {
      const used = client;
      if (!used.isReady) throw new RedisAwayError(`no connection to Redis at ${address}`);
      unansweredSinceMs ??= performance.now();
      const answer = used.sendCommand([...command]).finally(() => {
        // Also one that comes too late for its command.
        if (used === client) unansweredSinceMs = undefined;
      });
      try {
        return await within(commandLimitMs, answer);
      } catch (error) {
        if (isOfServer(error)) throw error;
        if (performance.now() - (unansweredSinceMs ?? Infinity) >= SILENCE_LIMIT_MS) giveUp(used);
        if (error instanceof RedisAwayError) throw error;
        throw new RedisAwayError(`the connection to Redis at ${address} broke`, { cause: error });
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
