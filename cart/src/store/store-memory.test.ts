import { createFakeClock } from '@tally/platform/testing';

import { storeContract } from '../testing/store-contract.ts';
import { createMemoryStore } from './store-memory.ts';

storeContract('memory', async () => {
  const clock = createFakeClock();
  let shiftMs = 0;
  return {
    store: createMemoryStore({ clock, tallyNowMs: () => clock.nowMs() + shiftMs }),
    advance: async (ms) => {
      shiftMs += ms;
    },
    pass: (ms) => clock.advance(ms),
  };
});
