import { systemClock } from '../concurrency/index.ts';
import { eventLogContract } from '../../test/event-log-contract.ts';
import { createMemoryLog } from './memory.ts';

eventLogContract('memory', async () => {
  const log = createMemoryLog({ clock: systemClock, onError: () => {} });
  return {
    log,
    openAnother: async () => log,
    takeoverMs: 1000,
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
});
