import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Implementation } from '@tally/platform/grpc';
import type { Notifier } from '@tally/proto/notifier';

import { list } from './list.ts';
import type { Store } from './store.ts';

/** Message in, use case, message out. */
export function createNotifierRpc(store: Pick<Store, 'list'>): Implementation<typeof Notifier> {
  return {
    async list({ orderId }, { deadlineMs }) {
      const notifications = await list(store, orderId, deadlineMs - Date.now());
      return {
        items: notifications.map(({ moment, ...told }) => ({ orderId, ...told, moment: timestampFromDate(moment) })),
      };
    },
  };
}
