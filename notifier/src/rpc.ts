import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Clock } from '@tally/platform/concurrency';
import type { Implementation } from '@tally/platform/grpc';
import type { Notifier } from '@tally/proto/notifier';

import { list } from './list.ts';
import type { Store } from './store.ts';

interface NotifierRpcDeps {
  readonly store: Pick<Store, 'list'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Translates messages to calls of the use cases, and their results to messages. */
export function createNotifierRpc({ store, clock }: NotifierRpcDeps): Implementation<typeof Notifier> {
  return {
    async list({ orderId }, { deadlineMs }) {
      const notifications = await list(store, orderId, deadlineMs - clock.nowMs());
      return {
        items: notifications.map(({ moment, ...told }) => ({ orderId, ...told, moment: timestampFromDate(moment) })),
      };
    },
  };
}
