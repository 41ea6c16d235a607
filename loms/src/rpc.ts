import { createHash } from 'node:crypto';

import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '@tally/platform/concurrency';
import { type Call, type Implementation, idempotencyKey } from '@tally/platform/grpc';
import { currentTraceparent } from '@tally/platform/telemetry';
import type { Loms, OrderCreateRequest } from '@tally/proto/loms';

import type { Batcher } from './batch/batcher.ts';
import type { CommandFrame } from './orders/command.ts';
import { type OrderLine, sumLines } from './orders/order.ts';
import type { CreateOrder } from './orders/order-create.ts';
import { orderInfo } from './reads/order-info.ts';
import { stockInfo } from './reads/stock-info.ts';
import type { Store } from './store/store.ts';

interface LomsRpcDeps {
  readonly batcher: Pick<Batcher, 'submit'>;
  readonly store: Pick<Store, 'findOrder' | 'findStock'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Draws a UUID. */
  readonly newId: () => string;
  /** How long an order may stay unpaid. */
  readonly paymentTimeoutMs: number;
}

/** Implements the service Loms: translates each request into a command or a read, and its result into the response. */
export function createLomsRpc(deps: LomsRpcDeps): Implementation<typeof Loms> {
  const { batcher, store, clock } = deps;
  const timeLeftMs = ({ deadlineMs }: Call) => deadlineMs - clock.nowMs();
  return {
    async orderCreate(request, call) {
      return { orderId: await batcher.submit(toCreateOrder(request, call, deps), call.signal) };
    },
    async orderInfo({ orderId }, call) {
      const { status, userId, lines } = await orderInfo(store, orderId, timeLeftMs(call));
      return { status, user: userId, items: lines.map((line) => ({ ...line, count: BigInt(line.count) })) };
    },
    async orderPay({ orderId }, call) {
      await batcher.submit({ kind: 'pay', orderId, ...toCommandFrame(call) }, call.signal);
      return {};
    },
    async orderCancel({ orderId }, call) {
      await batcher.submit({ kind: 'cancel', orderId, ...toCommandFrame(call) }, call.signal);
      return {};
    },
    async stockInfo({ sku }, call) {
      return { count: await stockInfo(store, sku, timeLeftMs(call)) };
    },
  };
}

function toCommandFrame({ deadlineMs }: Call): CommandFrame {
  return { deadlineMs, traceparent: currentTraceparent() };
}

function toCreateOrder(
  { user, items, checkoutId, decideBefore }: OrderCreateRequest,
  call: Call,
  { newId, paymentTimeoutMs }: Pick<LomsRpcDeps, 'newId' | 'paymentTimeoutMs'>,
): CreateOrder {
  const lines = sumLines(items.map(({ sku, count, name, price }) => ({ sku, count: Number(count), name, price })));
  const checkout = checkoutId.toLowerCase();
  const key = idempotencyKey(call);
  return {
    kind: 'create',
    userId: user,
    lines,
    requestId: checkout === '' ? newId() : checkout,
    hasCheckoutId: checkout !== '',
    decideBeforeMs: decideBefore && timestampMs(decideBefore),
    paymentTimeoutMs,
    key: key === undefined ? undefined : { text: key, requestHash: hashOf(user, lines, checkout) },
    ...toCommandFrame(call),
  };
}

/** Hashes what the request orders. `decide_before` stays out, because a retry of the call may move it. */
function hashOf(userId: bigint, lines: readonly OrderLine[], checkoutId: string): Buffer {
  const goods = lines.map(({ sku, count, name, price }) => [sku, count, name, price]);
  return createHash('sha256')
    .update(JSON.stringify([String(userId), goods, checkoutId]))
    .digest();
}
