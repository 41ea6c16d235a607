import { createHash } from 'node:crypto';

import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '@tally/platform/concurrency';
import { type Call, type Implementation, idempotencyKey } from '@tally/platform/grpc';
import { currentTraceparent } from '@tally/platform/telemetry';
import type { Loms, OrderCreateRequest } from '@tally/proto/loms';

import type { Batcher } from './batch/batcher.ts';
import type { CreateOrder } from './orders/command.ts';
import { type OrderLine, sumLines } from './orders/order.ts';
import { orderInfo } from './reads/order-info.ts';
import { stockInfo } from './reads/stock-info.ts';
import type { Store } from './store/store.ts';

export interface LomsRpcDeps {
  readonly batcher: Pick<Batcher, 'submit'>;
  readonly store: Pick<Store, 'findOrder' | 'findStock'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Draws a UUID. */
  readonly newId: () => string;
}

/** Message in, use case, message out. */
export function createLomsRpc({ batcher, store, clock, newId }: LomsRpcDeps): Implementation<typeof Loms> {
  const timeLeftMs = ({ deadlineMs }: Call) => deadlineMs - clock.nowMs();
  return {
    async orderCreate(request, call) {
      return { orderId: (await batcher.submit(toCreateOrder(request, call, newId), call.signal)) ?? 0n };
    },
    async orderInfo({ orderId }, call) {
      const { status, userId, lines } = await orderInfo(store, orderId, timeLeftMs(call));
      return { status, user: userId, items: lines.map((line) => ({ ...line, count: BigInt(line.count) })) };
    },
    async orderPay({ orderId }, call) {
      await batcher.submit({ kind: 'pay', orderId, ...commanded(call) }, call.signal);
      return {};
    },
    async orderCancel({ orderId }, call) {
      await batcher.submit({ kind: 'cancel', orderId, ...commanded(call) }, call.signal);
      return {};
    },
    async stockInfo({ sku }, call) {
      return { count: await stockInfo(store, sku, timeLeftMs(call)) };
    },
  };
}

const commanded = ({ deadlineMs }: Call) => ({ deadlineMs, traceparent: currentTraceparent() });

function toCreateOrder(request: OrderCreateRequest, call: Call, newId: () => string): CreateOrder {
  const { user, items, checkoutId, decideBefore } = request;
  const lines = sumLines(items.map(({ sku, count, name, price }) => ({ sku, count: Number(count), name, price })));
  const isNamed = checkoutId !== '';
  const requestId = isNamed ? checkoutId.toLowerCase() : newId();
  const key = idempotencyKey(call);
  return {
    kind: 'create',
    userId: user,
    lines,
    requestId,
    isNamed,
    decideBeforeMs: decideBefore && timestampMs(decideBefore),
    key: key === undefined ? undefined : { text: key, requestHash: hashOf(user, lines, isNamed ? requestId : '') },
    ...commanded(call),
  };
}

/** Of all that says what is ordered; not of decide_before, which another try may move. */
function hashOf(userId: bigint, lines: readonly OrderLine[], checkoutId: string): Buffer {
  const asked = lines.map(({ sku, count, name, price }) => [sku, count, name, price]);
  return createHash('sha256')
    .update(JSON.stringify([String(userId), asked, checkoutId]))
    .digest();
}
