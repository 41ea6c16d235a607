import type { Topic } from '@tally/platform/events';

import { DEAD_LETTERS_TOPIC, ORDER_EVENTS_PARTITIONS, ORDER_EVENTS_TOPIC } from './order-event.ts';

/** All topics of Tally: what is read, and where what cannot be read is put. */
export const TOPICS: readonly Topic[] = [ORDER_EVENTS_TOPIC, DEAD_LETTERS_TOPIC].map((topic) => ({
  topic,
  partitions: ORDER_EVENTS_PARTITIONS,
}));
