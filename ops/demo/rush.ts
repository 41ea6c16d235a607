import { RpcError } from '@tally/platform/grpc';

import { type Clients, call, untilKnown } from './clients.ts';
import { SKUS } from './story.ts';

export const SHOPPERS = 400;
export const UNITS = 100;
export const PRESSES = 20;

export interface RushDeps {
  readonly clients: Clients;
  /** First of SHOPPERS + 1 user ids that are unused. */
  readonly firstUser: bigint;
  /** Kills loms with SIGKILL. */
  readonly killLoms: () => Promise<void>;
}

export interface RushResult {
  /** Order ids that the shoppers got as answers. */
  readonly orderIds: readonly bigint[];
  readonly refused: number;
  /** Number of presses that were repeated because their outcome was unknown. */
  readonly pressedAgain: number;
  /** Number of different answers to the presses of one checkout. */
  readonly ordersOfPresses: number;
  readonly seconds: number;
}

type Outcome = { readonly orderId: bigint } | 'refused';

/**
 * Lets all shoppers check out at the same moment and kills loms after the first answer. One more shopper presses
 * checkout 20 times at once. A shopper who gets no definite answer presses again with the same key.
 */
export async function rush({ clients, firstUser, killLoms }: RushDeps): Promise<RushResult> {
  const users = Array.from({ length: SHOPPERS }, (_, i) => firstUser + BigInt(i));
  const presser = firstUser + BigInt(SHOPPERS);
  const add = (user: bigint, sku: number) =>
    untilKnown(() => clients.cart.addItem({ user, item: { sku, count: 1n } }, call(`add-${user}`)));
  await add(presser, SKUS.lantern);
  await Promise.all(users.map((user) => add(user, SKUS.ticket)));

  const startedMs = performance.now();
  let decided = 0;
  let pressedAgain = 0;
  let killed: Promise<void> | undefined;
  const press = async (user: bigint, key: string): Promise<Outcome> => {
    const outcome = await checkOut(clients, user, key, () => (pressedAgain += 1));
    decided += 1;
    if (decided === 1) killed = killLoms();
    return outcome;
  };
  const [outcomes, pressed] = await Promise.all([
    Promise.all(users.map((user) => press(user, `rush-${user}`))),
    Promise.all(Array.from({ length: PRESSES }, (_, i) => press(presser, `press-${i}`))),
  ]);
  await killed;
  const orderIds = outcomes.flatMap((outcome) => (outcome === 'refused' ? [] : [outcome.orderId]));
  return {
    orderIds,
    refused: outcomes.length - orderIds.length,
    pressedAgain,
    ordersOfPresses: new Set(pressed.map((outcome) => (outcome === 'refused' ? outcome : outcome.orderId))).size,
    seconds: (performance.now() - startedMs) / 1000,
  };
}

/** Presses checkout until the outcome is known. */
export async function checkOut(
  { cart }: Pick<Clients, 'cart'>,
  user: bigint,
  key: string,
  onRetry: () => void,
): Promise<Outcome> {
  try {
    return { orderId: (await untilKnown(() => cart.checkout({ user }, call(key)), onRetry)).orderID };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    // A press after the end of its checkout finds an empty cart, and the refusal names the order.
    const lastOrderId = error.values['lastOrderId'];
    if (error.reason === 'EMPTY_CART' && lastOrderId !== undefined) return { orderId: BigInt(lastOrderId) };
    if (error.reason === 'INSUFFICIENT_STOCK') return 'refused';
    throw error;
  }
}
