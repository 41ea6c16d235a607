import net from 'node:net';

import type { DebianProgram, Program } from './programs/debian.ts';
import { type Server, type ServerKind, launchServer, untilReady } from './server.ts';

export interface EmbeddedRedisOptions {
  readonly program: Program;
  readonly port: number;
  readonly maxMemoryMib: number;
  /**
   * What Redis drops when its memory is full. `allkeys-lru` suits a cache, `noeviction` a limit. `volatile-lru` suits
   * both on one server: it drops only keys with a TTL, and the limit's keys have none.
   */
  readonly eviction: 'allkeys-lru' | 'noeviction' | 'volatile-lru';
}

export interface EmbeddedRedis extends Server {
  readonly port: number;
  readonly url: string;
}

/** Debian's redis-server, which `fetchProgram` finds or unpacks. */
export const REDIS: DebianProgram = { packages: ['redis-server', 'redis-tools'], path: 'usr/bin/redis-server' };

const REDIS_SERVER: ServerKind = {
  name: 'redis-server',
  stopSignal: 'SIGTERM',
  deathSignal: 'KILL',
  startLimitMs: 10_000,
  stopLimitMs: 5_000,
};
const PING_LIMIT_MS = 1_000;

/** Returns the command that runs a server on 127.0.0.1. It writes nothing to disk, because its data may be lost. */
export function toRedisCommand({ program, port, maxMemoryMib, eviction }: EmbeddedRedisOptions): string[] {
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    databases: '1',
    maxmemory: `${maxMemoryMib}mb`,
    'maxmemory-policy': eviction,
    // A new process title would overwrite the environment, by which the launcher recognises its processes.
    'set-proc-title': 'no',
  };
  return [program.path, ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])];
}

/** Starts a server and waits until it answers. It dies with this process. */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const { port, program } = options;
  const server = launchServer(REDIS_SERVER, { command: toRedisCommand(options), env: program.env });
  await untilReady(
    REDIS_SERVER,
    [server],
    () => pingRedis(port),
    () => `is port ${port} in use?`,
  );
  return { ...server, port, url: `redis://127.0.0.1:${port}` };
}

/** Returns whether a Redis answers on this port of this machine. */
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
