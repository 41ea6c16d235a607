import { expect } from 'bun:test';

import { missingKafka, testWith } from '@tally/platform/testing';

import { KAFKA_FAULTS, runFault } from '../faults/kafka.ts';
import { openLaboratory } from '../faults/laboratory.ts';

testWith(
  await missingKafka(),
  'a broker that leads a partition is killed under load: no event is lost, and each is recorded once and in order',
  async () => {
    await using stack = new AsyncDisposableStack();
    const lab = await openLaboratory(stack, () => {});
    const result = await runFault(lab, KAFKA_FAULTS.leader, () => {});
    expect(result).toEqual({
      held: true,
      text: expect.stringMatching(/longest pause \d+\.\d s; \d+ orders, \d+ events/),
    });
  },
  240_000,
);
