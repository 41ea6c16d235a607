import { type CallOptions, Code, RpcError, openGrpcClient } from '@tally/platform/grpc';
import { openTracing } from '@tally/platform/telemetry';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';
import { Notifier } from '@tally/proto/notifier';

import { type Plan, grpcAddresses } from '../local/plan/plan.ts';

const CALL_LIMIT_MS = 10_000;

/** Opens clients of the running system, as the shop in front of it would. */
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

/** Returns call options with a deadline of 10 s and, if given, an idempotency key. */
export function call(key?: string): CallOptions {
  return { deadlineMs: Date.now() + CALL_LIMIT_MS, ...(key !== undefined && { headers: { 'idempotency-key': key } }) };
}

const RETRY_PAUSE_MS = 150;
const RETRY_LIMIT_MS = 20_000;
// A call that ended with one of these was not begun, or its outcome is unknown.
const RETRYABLE = new Set([Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED]);

/**
 * Repeats a call until its outcome is known, as a shopper does who presses again with the same key. Gives up after 20
 * s.
 */
export async function untilKnown<T>(work: () => Promise<T>, onRetry: () => void = () => {}): Promise<T> {
  const untilMs = Date.now() + RETRY_LIMIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RpcError) || !RETRYABLE.has(error.code) || Date.now() > untilMs) throw error;
      onRetry();
      await Bun.sleep(Math.min(error.retryAfterMs ?? RETRY_PAUSE_MS, RETRY_PAUSE_MS));
    }
  }
}
