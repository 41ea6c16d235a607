import { AppError } from '@tally/platform/errors';

import { decideReplay } from './inbox.ts';
import type { OrderStatus } from './order-event.ts';
import type { Store } from './store.ts';
import type { Tell } from './tell.ts';

export interface Replay {
  readonly orderId: bigint;
  readonly version: number;
  /** What the event should have said; needed where it could not be read. */
  readonly said?: { readonly status: OrderStatus; readonly moment: Date };
}

/**
 * Gives a dead version its turn after all. It is applied when everything before it has passed, else parked. Where later
 * ones were told already, it is told as late. Returns what it became. No rpc offers it yet.
 */
export async function replay(
  { store, tell }: { readonly store: Pick<Store, 'revive'>; readonly tell: Tell },
  { orderId, version, said }: Replay,
): Promise<'applied' | 'parked'> {
  let became: 'applied' | 'parked' | undefined;
  await store.revive(orderId, (known) => {
    const dead = known.find((notification) => notification.version === version);
    const decided = decideReplay(new Map(known.map((one) => [one.version, one.state])), version);
    if (dead === undefined || decided === undefined) return undefined;
    const status = dead.status ?? said?.status;
    const moment = dead.moment ?? said?.moment;
    if (status === undefined || moment === undefined) {
      const message = `version ${version} of order ${orderId} could not be read: say its status and moment`;
      throw new AppError('invalid-argument', message, { reason: 'UNREADABLE_VERSION' });
    }
    became = decided.state;
    const notification = { ...dead, status, moment, state: decided.state };
    return {
      notification,
      beforeCommit: () => {
        if (decided.state === 'applied') tell(notification, { isLate: decided.isLate });
      },
    };
  });
  if (became === undefined) {
    throw new AppError('not-found', `version ${version} of order ${orderId} is not dead`, { reason: 'NOT_DEAD' });
  }
  return became;
}
