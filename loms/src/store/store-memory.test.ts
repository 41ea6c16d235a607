import { createFakeClock } from '@tally/platform/testing';

import { storeContract } from '../testing/store-contract.ts';
import { createMemoryStore } from './store-memory.ts';

storeContract('memory', async () => {
  const clock = createFakeClock();
  const store = createMemoryStore(clock.nowMs);
  for (let sku = 1; sku <= 9; sku += 1) store.state.stocks.set(sku, { total: 100n, held: 0n, reserved: 0n });
  return { store, advance: (ms) => clock.advance(ms) };
});
