import { type Call, type Implementation, idempotencyKey } from '@tally/platform/grpc';
import type { Cart } from '@tally/proto/cart';

import type { Checkouts } from './checkout/checkout.ts';
import { type AddItemDeps, addItem } from './items/add-item.ts';
import { clear } from './items/clear.ts';
import { deleteItem } from './items/delete-item.ts';
import { type ListDeps, list } from './items/list.ts';

interface CartRpcDeps extends AddItemDeps, ListDeps {
  readonly store: AddItemDeps['store'] & ListDeps['store'];
  readonly checkouts: Checkouts;
}

/** Implements cart.Cart: turns each message into a command, runs the use case, and turns its answer into a message. */
export function createCartRpc(deps: CartRpcDeps): Implementation<typeof Cart> {
  const { store, checkouts } = deps;
  return {
    async addItem({ user: userId, item }, call) {
      if (item === undefined) throw new Error('AddItem got no item, although cart.proto requires one');
      const { sku, count } = item;
      const command = { userId, sku, count: Number(count), key: idempotencyKey(call), token: productToken(call) };
      await addItem(deps, command, call);
      return {};
    },
    async deleteItem({ user: userId, sku }, { deadlineMs }) {
      await deleteItem(store, { userId, sku }, deadlineMs);
      return {};
    },
    async list({ user: userId }, call) {
      const { lines, total } = await list(deps, { userId, token: productToken(call) }, call);
      const items = lines.map(({ sku, count, name, price }) => ({ sku, count: BigInt(count), name, price }));
      return { totalPrice: total, items };
    },
    async clear({ user: userId }, { deadlineMs }) {
      await clear(store, userId, deadlineMs);
      return {};
    },
    async checkout({ user: userId }, call) {
      return { orderID: await checkouts.press({ userId, key: idempotencyKey(call) }, call) };
    },
  };
}

/** Returns the caller's own token for the product service. An empty one counts as none. */
const productToken = (call: Call) => call.header('x-product-token') || undefined;
