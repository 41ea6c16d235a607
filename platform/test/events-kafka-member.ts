// A member of a consumer group in a process of its own, which a test can pause and kill. Each call of its handler prints
// one line per event and then takes `handlerMs`.
import { writeSync } from 'node:fs';

import { systemClock } from '../src/concurrency/index.ts';
import { openKafkaLog } from '../src/events/kafka/index.ts';

const [brokers = '', topic = '', group = '', instance = '', handlerMs = ''] = process.argv.slice(2);
const STDOUT = 1;

const startedMs = Date.now();
// A wall clock that runs backwards. It must not make a heartbeat look younger than it is.
const clock = { ...systemClock, nowMs: () => 2 * startedMs - Date.now() };

const log = openKafkaLog({
  connection: { brokers: brokers.split(','), clientId: instance },
  instance,
  replicationFactor: 1,
  minInSyncReplicas: 1,
  clock,
  random: Math.random,
  onError: (error) => console.error(error),
  giveUp: () => process.exit(1),
});
log.subscribe({
  topic,
  group,
  maxBatchEvents: 10,
  handler: async (events) => {
    // The write is synchronous, so that the test knows what was handled when the process is killed.
    for (const { key, value } of events) writeSync(STDOUT, `${key} ${new TextDecoder().decode(value)}\n`);
    await Bun.sleep(Number(handlerMs));
  },
});
