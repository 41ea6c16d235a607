import { AppError } from '@tally/platform/errors';
import type { OrderStatus } from '@tally/proto/events';

import { decideReplay } from './inbox.ts';
import type { Store } from './store.ts';
import type { Tell } from './tell.ts';

interface Replay {
  readonly orderId: bigint;
  readonly version: number;
  /** What the event should have said. Required when the event could not be read. */
  readonly said?: { readonly status: OrderStatus; readonly moment: Date };
}

/**
 * Applies a dead version, or parks it when a version before it has not passed. When a later version has been told
 * already, the replayed one is told as late. Resolves with the state that the version took. Rejects with NOT_DEAD, or
 * with UNREADABLE_VERSION when `said` is required and missing. No rpc calls this yet.
 */
export async function replay(
  { store, tell }: { readonly store: Pick<Store, 'revive'>; readonly tell: Tell },
  { orderId, version, said }: Replay,
): Promise<'applied' | 'parked'> {
  return await store.revive(orderId, (known) => {
    const dead = known.find((notification) => notification.version === version);
    const decision = decideReplay(known, version);
    if (dead === undefined || decision === undefined) {
      throw new AppError('not-found', `version ${version} of order ${orderId} is not dead`, { reason: 'NOT_DEAD' });
    }
    const { state, isLate } = decision;
    const status = dead.status ?? said?.status;
    const moment = dead.moment ?? said?.moment;
    if (status === undefined || moment === undefined) {
      const message = `version ${version} of order ${orderId} could not be read: give its status and moment`;
      throw new AppError('invalid-argument', message, { reason: 'UNREADABLE_VERSION' });
    }
    const revived = { ...dead, status, moment, state, reason: undefined };
    return {
      changes: revived,
      answer: state,
      beforeCommit() {
        if (state === 'applied') tell(revived, { isLate });
      },
    };
  });
}
