import { openDb } from '@tally/platform/postgres';
import { pingRedis } from '@tally/platform/redis';

import { isListening } from './ports.ts';
import { type OwnProcess } from './processes.ts';
import type { PlannedProcess } from './plan.ts';

/** Undefined when it serves callers, else what is missing, in a few words. */
export type NotReady = string | undefined;

const ANSWER_LIMIT_MS = 1500;
export const ANSWER_LIMITS = { connectTimeoutMs: ANSWER_LIMIT_MS, answerTimeoutMs: ANSWER_LIMIT_MS } as const;

/** Asks a process whether it is ready. Its own socket must answer: another program may sit on the port. */
export async function notReady(planned: PlannedProcess, own: OwnProcess | undefined): Promise<NotReady> {
  if (own === undefined) return 'not running';
  if (own.state === 'T') return `stopped by a signal: kill -CONT ${own.pid} lets it go on`;
  const silent = planned.ports.find(({ port }) => !isListening(own.pid, port));
  if (silent !== undefined) return `does not listen on its ${silent.purpose} port ${silent.port} yet`;
  return askReadiness(planned.readyUrl);
}

async function askReadiness(url: string): Promise<NotReady> {
  const { protocol, port } = new URL(url);
  if (protocol === 'redis:') return (await pingRedis(Number(port))) ? undefined : 'does not answer';
  if (protocol === 'postgres:') return await askDatabase(url);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    const text = (await response.text()).trim();
    return response.ok ? undefined : text || `answers ${response.status}`;
  } catch {
    return 'does not answer';
  }
}

/** Whether a PostgreSQL, or the bouncer before one, answers. */
export async function askDatabase(url: string): Promise<NotReady> {
  await using db = openDb({
    url,
    applicationName: 'health',
    maxConnections: 1,
    ...ANSWER_LIMITS,
    namedStatements: false,
  });
  try {
    await db.query('select 1');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'does not answer';
  }
}
