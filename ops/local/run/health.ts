import { isBrokerThere, pingRedis } from '@tally/platform/embedded';
import { openDb } from '@tally/platform/postgres';

import { isListening } from '../machine/ports.ts';
import type { OwnProcess } from '../machine/processes.ts';
import type { PlannedProcess } from '../plan/plan.ts';

/** Why a process is not ready, in a few words; undefined when it is ready. */
export type Fault = string | undefined;

/** It is short, because a caller that waits for a process asks again and again. */
const ANSWER_LIMIT_MS = 1500;

/** Looks at a process and asks it whether it is ready. */
export async function findFault(planned: PlannedProcess, own: OwnProcess | undefined): Promise<Fault> {
  return findVisibleFault(planned, own) ?? (await askReadiness(planned.readyUrl, ANSWER_LIMIT_MS));
}

/** Looks at a process without asking it. It must listen on its ports itself, since another program could hold them. */
export function findVisibleFault(planned: PlannedProcess, own: OwnProcess | undefined): Fault {
  if (own === undefined) return 'not running';
  if (own.state === 'T') return `stopped by a signal (kill -CONT ${own.pid} continues it)`;
  const silent = planned.ports.find(({ port }) => !isListening(own.pid, port));
  return silent && `does not listen on its ${silent.purpose} port ${silent.port} yet`;
}

/** Asks the server at this URL whether it is ready, in its own protocol: HTTP, Redis, PostgreSQL or Kafka. */
export async function askReadiness(url: string, limitMs: number): Promise<Fault> {
  const { protocol, port, searchParams } = new URL(url);
  if (protocol === 'postgres:') return await askDatabase(url, limitMs);
  if (protocol === 'redis:') return (await pingRedis(Number(port), limitMs)) ? undefined : 'does not answer';
  if (protocol === 'kafka:') {
    const brokers = Number(searchParams.get('brokers'));
    return (await isBrokerThere(Number(port), limitMs, brokers)) ? undefined : `does not answer for ${brokers} brokers`;
  }
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(limitMs) });
    const text = (await response.text()).trim();
    return response.ok ? undefined : text || `answers ${response.status}`;
  } catch {
    return 'does not answer';
  }
}

async function askDatabase(url: string, limitMs: number): Promise<Fault> {
  try {
    await queryOnce(url, limitMs, 'select 1');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'does not answer';
  }
}

/** Returns the rows of one query on a connection of its own, to a PostgreSQL or to the pgbouncer in front of one. */
export async function queryOnce(url: string, limitMs: number, text: string) {
  await using db = openDb({
    url,
    applicationName: 'health',
    maxConnections: 1,
    connectTimeoutMs: limitMs,
    answerTimeoutMs: limitMs,
    namedStatements: false,
  });
  return (await db.query(text)).rows;
}
