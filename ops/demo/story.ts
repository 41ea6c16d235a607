import { RpcError } from '@tally/platform/grpc';

import { type Clients, call } from './clients.ts';

export const SKUS = { lantern: 700001, teapot: 700002, ticket: 700003 } as const;

export interface StoryDeps {
  readonly clients: Clients;
  /** First of four user ids that are unused. */
  readonly firstUser: bigint;
  readonly say: (line: string) => void;
}

// A consumer group takes less time than this to rebalance after a member or a broker has died.
const NOTIFIED_LIMIT_MS = 15_000;

/** Plays Anna, who pays; Ben and Cleo, who want the same last units; and Dan, who buys what Ben gave back. */
export async function playStory({ clients: { cart, loms, notifier }, firstUser, say }: StoryDeps): Promise<void> {
  const [anna, ben, cleo, dan] = [0n, 1n, 2n, 3n].map((n) => firstUser + n) as [bigint, bigint, bigint, bigint];
  const add = (user: bigint, sku: number, count: bigint) => cart.addItem({ user, item: { sku, count } }, call());

  async function showNotifications(orderId: bigint, last: string): Promise<void> {
    const untilMs = Date.now() + NOTIFIED_LIMIT_MS;
    for (;;) {
      const { items } = await notifier.list({ orderId }, call());
      const isComplete = items.at(-1)?.status === last;
      if (isComplete || Date.now() > untilMs) {
        const statuses = items.map(({ status }) => status).join(' → ');
        say(`    notified: ${statuses}${isComplete ? '' : ` (not ${last} yet, after ${NOTIFIED_LIMIT_MS / 1000} s)`}`);
        return;
      }
      await Bun.sleep(20);
    }
  }

  say('Anna buys two lanterns.');
  await add(anna, SKUS.lantern, 2n);
  say(`  AddItem   2 of sku ${SKUS.lantern}: ok`);
  const listed = await cart.list({ user: anna }, call());
  for (const { name, count, price } of listed.items)
    say(`  List      ${count} x ${name} at ${price}; total ${listed.totalPrice}`);
  const { orderID } = await cart.checkout({ user: anna }, call());
  say(`  Checkout  order ${orderID}`);
  await loms.orderPay({ orderId: orderID }, call());
  say(`  OrderPay  order ${orderID}: ok`);
  await showNotifications(orderID, 'payed');

  say('Ben and Cleo both have the last three teapots in their carts.');
  await Promise.all([add(ben, SKUS.teapot, 3n), add(cleo, SKUS.teapot, 3n)]);
  const first = await cart.checkout({ user: ben }, call());
  say(`  Checkout  Ben: order ${first.orderID}`);
  const refusal = await cart.checkout({ user: cleo }, call()).catch((error: unknown) => error);
  if (!(refusal instanceof RpcError))
    throw new Error('Cleo was not refused, although only three teapots were in stock');
  say(`  Checkout  Cleo: ${refusal.reason}, ${describeShortage(refusal)}`);
  await showNotifications(BigInt(refusal.values['orderId'] ?? 0), 'failed');

  say('Ben cancels his order, and the teapots come back.');
  await loms.orderCancel({ orderId: first.orderID }, call());
  await showNotifications(first.orderID, 'cancelled');
  const { count } = await loms.stockInfo({ sku: SKUS.teapot }, call());
  say(`  StockInfo sku ${SKUS.teapot}: ${count} available`);
  await add(dan, SKUS.teapot, 3n);
  const second = await cart.checkout({ user: dan }, call());
  await loms.orderPay({ orderId: second.orderID }, call());
  say(`  Checkout  Dan: order ${second.orderID}, and he pays`);
  await showNotifications(second.orderID, 'payed');
}

function describeShortage({ values }: RpcError): string {
  const [first] = JSON.parse(values['shortages'] ?? '[]') as { requested: number; available: number }[];
  return `${first?.requested} asked for, ${first?.available} available`;
}
