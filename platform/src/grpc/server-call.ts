import * as grpc from '@grpc/grpc-js';

import type { Clock } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import type { Call, Handler } from './handler.ts';
import { toStatus, toTrailers } from './status.ts';

const DEFAULT_DEADLINE_MS = 5_000;
const MAX_DEADLINE_MS = 30_000;

/** The part of a grpc-js call that this file uses. */
export type IncomingCall = Pick<grpc.ServerUnaryCall<unknown, unknown>, 'request' | 'metadata' | 'getDeadline'> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

/**
 * Adapts a handler to grpc-js. The call gets the caller's deadline, but at most 30 s, and 5 s when the caller sets
 * none. Its signal aborts at the deadline and when the caller cancels. `domain` names this service in refusals.
 */
export function toUnaryHandler(
  handler: Handler,
  domain: string,
  clock: Clock,
): (incoming: IncomingCall, respond: grpc.sendUnaryData<unknown>) => void {
  return (incoming, respond) => {
    const { call, close } = openCall(incoming, clock);
    // The interceptors may throw synchronously. An async function turns that into a rejection.
    const answer = async () => handler(incoming.request, call);
    answer()
      .then(
        (response) => respond(null, response),
        (error: unknown) => respond(toFailure(error, domain)),
      )
      // An error that cannot be encoded, such as a retry after NaN ms, must not end the process.
      .catch(() => respond(INTERNAL))
      .finally(close);
  };
}

function openCall(incoming: IncomingCall, clock: Clock): { readonly call: Call; readonly close: () => void } {
  const nowMs = clock.nowMs();
  const asked = Number(incoming.getDeadline());
  const deadlineMs = Number.isFinite(asked) ? Math.min(asked, nowMs + MAX_DEADLINE_MS) : nowMs + DEFAULT_DEADLINE_MS;
  const controller = new AbortController();
  const close = clock.schedule(Math.max(0, deadlineMs - nowMs), () => controller.abort());
  // grpc-js emits this after every call, also after one that was answered.
  incoming.on('cancelled', () => controller.abort());
  const header = (name: string) => incoming.metadata.get(name)[0]?.toString();
  return { call: { signal: controller.signal, deadlineMs, header }, close };
}

const INTERNAL = { code: grpc.status.INTERNAL, details: 'internal error' };

function toFailure(error: unknown, domain: string): Partial<grpc.StatusObject> {
  if (!(error instanceof AppError)) return INTERNAL;
  const status = toStatus(error, domain);
  return { code: status.code, details: status.message, metadata: toTrailers(status) };
}
