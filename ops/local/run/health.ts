import { openDb } from '@tally/platform/postgres';
import { pingRedis } from '@tally/platform/embedded';

import { isListening } from '../machine/ports.ts';
import { type OwnProcess } from '../machine/processes.ts';
import type { PlannedProcess } from '../plan/plan.ts';

/** Undefined when it serves callers, else what is missing, in a few words. */
export type NotReady = string | undefined;

/** Short, where it is asked again and again. */
const ANSWER_LIMIT_MS = 1500;

/** Asks a process whether it is ready. */
export async function notReady(planned: PlannedProcess, own: OwnProcess | undefined): Promise<NotReady> {
  return notThere(planned, own) ?? (await askReadiness(planned.readyUrl, ANSWER_LIMIT_MS));
}

/** Whether the process is there, as far as can be seen without asking it. Its own socket must listen: another program may sit on the port. */
export function notThere(planned: PlannedProcess, own: OwnProcess | undefined): NotReady {
  if (own === undefined) return 'not running';
  if (own.state === 'T') return `stopped by a signal: kill -CONT ${own.pid} lets it go on`;
  const silent = planned.ports.find(({ port }) => !isListening(own.pid, port));
  return silent && `does not listen on its ${silent.purpose} port ${silent.port} yet`;
}

/** Asks what answers there: HTTP, Redis or PostgreSQL. */
export async function askReadiness(url: string, limitMs: number): Promise<NotReady> {
  const { protocol, port } = new URL(url);
  if (protocol === 'redis:') return (await pingRedis(Number(port), limitMs)) ? undefined : 'does not answer';
  if (protocol === 'postgres:') return await askDatabase(url, limitMs);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(limitMs) });
    const text = (await response.text()).trim();
    return response.ok ? undefined : text || `answers ${response.status}`;
  } catch {
    return 'does not answer';
  }
}

/** Whether a PostgreSQL, or the bouncer before one, answers. */
export async function askDatabase(url: string, limitMs: number): Promise<NotReady> {
  await using db = openDb({
    url,
    applicationName: 'health',
    maxConnections: 1,
    connectTimeoutMs: limitMs,
    answerTimeoutMs: limitMs,
    namedStatements: false,
  });
  try {
    await db.query('select 1');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'does not answer';
  }
}
