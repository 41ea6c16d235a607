import { type CallOptions, openGrpcClient } from '@tally/platform/grpc';
import { openTracing } from '@tally/platform/telemetry';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';
import { Notifier } from '@tally/proto/notifier';

import { type Plan, grpcAddresses } from '../local/plan.ts';

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
