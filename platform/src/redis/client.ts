import { createClient } from 'redis';

/** Options of a connection. */
interface RedisOptions {
  /** `redis://host:port` or `rediss://host:port`, with a password if the server needs one. */
  readonly url: string;
  /** Name of this program in CLIENT LIST. */
  readonly name: string;
  /** Maximum milliseconds from the call of a command to its answer. */
  readonly commandLimitMs: number;
  /** Returns a number from 0 to 1. */
  readonly random: () => number;
  /** Called when the connection is first ready or first fails, and whenever this changes. */
  readonly onChange?: (isThere: boolean, error?: unknown) => void;
}

/** The server cannot be reached, or did not answer in time. Whether it ran the command is unknown. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';
}

/** A connection to one Redis server. Disposing it closes the connection. */
export interface Redis extends AsyncDisposable {
  /** `host:port`, for logs: it contains no password. */
  readonly address: string;
  /** Whether the connection is ready, as far as this process knows. */
  readonly isReady: boolean;
  /** Sends one command with its arguments. Commands of one turn of the event loop are sent together. */
  send(...command: readonly string[]): Promise<unknown>;
  /** Resolves when the connection is ready, or after `limitMs`. */
  untilReady(limitMs: number): Promise<void>;
  /** Called whenever the connection becomes ready, before the first command is sent. */
  onReady: () => void;
}

const CONNECT_LIMIT_MS = 1_000;
const SILENCE_LIMIT_MS = 1_000;
const MAX_RECONNECT_PAUSE_MS = 200;
const MAX_QUEUED_COMMANDS = 10_000;

/**
 * Opens a connection to a Redis that may be away. It connects in the background, and reconnects within 200 ms of the
 * server's return. Without a connection every command fails at once with RedisAwayError, and a command without an
 * answer fails after its limit. An error that the server answers is thrown as it is. A connection that is silent for a
 * second is replaced, because TCP notices a broken network only after many minutes.
 */
export function openRedis(options: RedisOptions): Redis {
  const { url, commandLimitMs, onChange } = options;
  const address = new URL(url).host;
  let client = connect();
  let wasThere: boolean | undefined;
  /** Time of the first command after the last answer, by `performance.now`; undefined when there was none. */
  let unansweredSinceMs: number | undefined;

  function change(isThere: boolean, error?: unknown): void {
    if (isThere === wasThere) return;
    wasThere = isThere;
    onChange?.(isThere, error);
  }

  function connect() {
    const fresh = createSocketClient(options);
    limitHandshake(fresh, () => replace(fresh));
    fresh.on('error', (error: unknown) => {
      if (fresh === client) change(false, error);
    });
    fresh.on('ready', () => {
      unansweredSinceMs = undefined;
      change(true);
      redis.onReady();
    });
    // Failures are reported as events, and the client retries by itself.
    fresh.connect().catch(() => {});
    return fresh;
  }

  function replace(silent: typeof client): void {
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
        // An answer that comes after the limit of its command shows as well that the connection works.
        if (used === client) unansweredSinceMs = undefined;
      });
      try {
        return await withLimit(commandLimitMs, answer);
      } catch (error) {
        if (isOfServer(error)) throw error;
        if (performance.now() - (unansweredSinceMs ?? Infinity) >= SILENCE_LIMIT_MS) replace(used);
        if (error instanceof RedisAwayError) throw error;
        throw new RedisAwayError(`the connection to Redis at ${address} broke`, { cause: error });
      }
    },
    async untilReady(limitMs) {
      const untilMs = performance.now() + limitMs;
      while (!client.isReady && performance.now() < untilMs) await Bun.sleep(5);
    },
    onReady: () => {},
    [Symbol.asyncDispose]: async () => client.destroy(),
  };
  return redis;
}

/** Creates the client, which is not connected yet. */
function createSocketClient({ url, name, random }: RedisOptions) {
  return createClient({
    url,
    name,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_QUEUED_COMMANDS,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // The timeout of this library covers a command only until it is written. `withLimit` covers it until the answer.
    commandOptions: { timeout: 0 },
    socket: {
      connectTimeout: CONNECT_LIMIT_MS,
      // The pause is random, so that instances do not all reconnect at once.
      reconnectStrategy: () => MAX_RECONNECT_PAUSE_MS * (0.5 + random() / 2),
    },
  });
}

/** Calls `onSilent` when a new connection is not ready within the limit. The handshake has no timeout of its own. */
function limitHandshake(client: ReturnType<typeof createSocketClient>, onSilent: () => void): void {
  let timer: NodeJS.Timeout | undefined;
  client.on('connect', () => {
    timer = setTimeout(onSilent, SILENCE_LIMIT_MS);
  });
  for (const event of ['error', 'ready'] as const) client.on(event, () => clearTimeout(timer));
}

/** Returns whether the server answered the command with an error. */
function isOfServer(error: unknown): boolean {
  return error instanceof Error && ['ErrorReply', 'SimpleError', 'BlobError'].includes(error.constructor.name);
}

function withLimit<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      // If this process was busy, the answer may have arrived already. Another turn of the event loop reads it.
      setImmediate(() => setImmediate(() => reject(new RedisAwayError(`Redis did not answer within ${limitMs} ms`))));
    }, limitMs);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
