import { type CallOptions, Code, RpcError, openGrpcClient } from '@tally/platform/grpc';
import { openTracing } from '@tally/platform/telemetry';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';
import { Notifier } from '@tally/proto/notifier';

import { type Plan, grpcAddresses } from '../local/plan/plan.ts';

const CALL_LIMIT_MS = 10_000;

/** Clients of the running system, as a shopper's shop would have them. */
export function openClients(plan: Plan) {
  const stack = new AsyncDisposableStack();
  const { tracer } = openTracing('demo');
  return {
    cart: stack.use(openGrpcClient(Cart, { addresses: grpcAddresses(plan, 'cart'), tracer })),
    loms: stack.use(openGrpcClient(Loms, { addresses: grpcAddresses(plan, 'loms'), tracer })),
    notifier: stack.use(openGrpcClient(Notifier, { addresses: grpcAddresses(plan, 'notifier'), tracer })),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export type Clients = ReturnType<typeof openClients>;

/** A deadline from now, and the call's idempotency key where it has one. */
export function call(key?: string): CallOptions {
  return { deadlineMs: Date.now() + CALL_LIMIT_MS, ...(key !== undefined && { headers: { 'idempotency-key': key } }) };
}

const AGAIN_MS = 150;
const KNOWN_LIMIT_MS = 20_000;
const UNKNOWN = new Set([Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED]);

/** Asks again, as a shopper with the same key would, while the outcome is not known. */
export async function untilKnown<T>(work: () => Promise<T>, onAgain: () => void = () => {}): Promise<T> {
  const untilMs = Date.now() + KNOWN_LIMIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RpcError) || !UNKNOWN.has(error.code) || Date.now() > untilMs) throw error;
      onAgain();
      await Bun.sleep(Math.min(error.retryAfterMs ?? AGAIN_MS, AGAIN_MS));
    }
  }
}
