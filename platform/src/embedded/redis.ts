import net from 'node:net';

import { AppError } from '../errors/index.ts';
import { type StartedProcess, hasEnded, isAlive, startDetached, toStarted } from './programs/process.ts';
import type { RedisPrograms } from './redis-programs.ts';

export interface EmbeddedRedisOptions {
  readonly programs: RedisPrograms;
  readonly port: number;
  readonly maxMemoryMib: number;
  /**
   * What goes when the memory is full. `allkeys-lru` for a cache; `noeviction` for the limit; `volatile-lru` for both on
   * one server: only what has a TTL goes, and the limit has none.
   */
  readonly eviction: 'allkeys-lru' | 'noeviction' | 'volatile-lru';
}

export interface EmbeddedRedis extends StartedProcess {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. Waits until it is gone. */
  kill(): Promise<void>;
  /** Stopped by a signal it keeps its connections and answers nothing, like a machine that hangs. */
  pause(): void;
  resume(): void;
}

const START_LIMIT_MS = 10_000;
const STOP_LIMIT_MS = 5_000;
const PING_LIMIT_MS = 1_000;
const POLL_MS = 10;

/** How the server is run: on 127.0.0.1 alone, and with nothing kept on disk, since nothing in it must be kept. */
export function toRedisCommand({ programs, port, maxMemoryMib, eviction }: EmbeddedRedisOptions): string[] {
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    databases: '1',
    maxmemory: `${maxMemoryMib}mb`,
    'maxmemory-policy': eviction,
    // Else it writes its title over its environment, by which its processes are found.
    'set-proc-title': 'no',
  };
  return [programs.server, ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])];
}

/** Starts a server and waits until it answers. `parent`: it dies with this process; `detached`: it lives on. */
export async function startEmbeddedRedis(
  options: EmbeddedRedisOptions,
  lifetime: 'parent' | 'detached',
): Promise<EmbeddedRedis> {
  const { port } = options;
  const own = toRedisCommand(options);
  const env = { PATH: process.env['PATH'], ...options.programs.env };
  const { pid } = startDetached(lifetime === 'parent' ? ['setpriv', '--pdeathsig=KILL', ...own] : own, { env });
  const server = toServer(pid, port);
  const untilMs = Date.now() + START_LIMIT_MS;
  while (!(await pingRedis(port))) {
    if (!isAlive(server)) throw new AppError('unavailable', `redis-server did not start: is port ${port} in use?`);
    if (Date.now() > untilMs) throw new AppError('unavailable', `redis-server does not answer on port ${port}`);
    await Bun.sleep(POLL_MS);
  }
  return server;
}

function toServer(pid: number, port: number): EmbeddedRedis {
  const server = toStarted(pid);
  const signal = (name: NodeJS.Signals) => {
    if (isAlive(server)) process.kill(pid, name);
  };
  const end = async (name: NodeJS.Signals) => {
    signal(name);
    signal('SIGCONT');
    if (await hasEnded(server, STOP_LIMIT_MS)) return;
    throw new AppError('unavailable', `redis-server (pid ${pid}) does not end`);
  };
  return {
    ...server,
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  };
}

/** Whether a Redis answers on this port of this machine. */
export function pingRedis(port: number, limitMs = PING_LIMIT_MS): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const end = (isThere: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isThere);
    };
    const timer = setTimeout(() => end(false), limitMs);
    socket.on('error', () => end(false)).on('close', () => end(false));
    socket.on('data', (data) => end(data.toString('latin1').startsWith('+PONG')));
    socket.write('PING\r\n');
  });
}
