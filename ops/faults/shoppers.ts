import { call, untilKnown } from '../demo/clients.ts';
import { checkOut } from '../demo/rush.ts';
import { type Laboratory, SKU } from './laboratory.ts';

/** Shoppers who make one order after another, and pay or cancel each, whatever happens to the system. */
export interface Shoppers {
  /** Lets each shopper finish the current order. Throws if a shopper was refused or never got an answer. */
  stop(): Promise<Bought>;
}

export interface Bought {
  readonly users: readonly [first: bigint, last: bigint];
  readonly paid: number;
  readonly cancelled: number;
}

const SHOPPERS = 4;
const PAUSE_MS = 100;
// This bounds the load during one fault.
const MAX_ORDERS = 2_000;
// Every third order is cancelled, and the others are paid.
const CANCELLED_EVERY = 3;

/** Starts four shoppers. User ids from `firstUser` on must be unused. */
export function startShoppers({ clients }: Laboratory, firstUser: bigint): Shoppers {
  const stopping = new AbortController();
  let started = 0;
  let paid = 0;
  let cancelled = 0;

  async function buy(user: bigint): Promise<void> {
    await untilKnown(() => clients.cart.addItem({ user, item: { sku: SKU, count: 1n } }, call(`add-${user}`)));
    const outcome = await checkOut(clients, user, `out-${user}`, () => {});
    if (outcome === 'refused') throw new Error(`user ${user} was refused, although the stock suffices`);
    const { orderId } = outcome;
    const isCancelled = Number(user) % CANCELLED_EVERY === 0;
    if (isCancelled) await untilKnown(() => clients.loms.orderCancel({ orderId }, call()));
    else await untilKnown(() => clients.loms.orderPay({ orderId }, call()));
    if (isCancelled) cancelled += 1;
    else paid += 1;
  }

  async function shop(): Promise<void> {
    while (!stopping.signal.aborted && started < MAX_ORDERS) {
      started += 1;
      await buy(firstUser + BigInt(started));
      await Bun.sleep(PAUSE_MS);
    }
  }

  const running = Promise.all(Array.from({ length: SHOPPERS }, shop));
  running.catch(() => {});
  return {
    async stop() {
      stopping.abort();
      await running;
      return { users: [firstUser, firstUser + BigInt(started)], paid, cancelled };
    },
  };
}
