import { AppError } from '@tally/platform/errors';

import type { Command, CreateOrder } from './command.ts';
import { type Draft, createDraft } from './draft.ts';
import { decideCancel } from './order-cancel.ts';
import { type CreateRules, decideCreate } from './order-create.ts';
import { decideExpire } from './order-expire.ts';
import { decidePay } from './order-pay.ts';
import type { Changes, Loaded, Wanted } from '../store/store.ts';

/** What became of a command: a value (a create's order id), a refusal, or nothing, when it came too late to be decided. */
export type Answer =
  | { readonly kind: 'done'; readonly orderId: bigint | undefined }
  | { readonly kind: 'refused'; readonly refusal: AppError }
  | { readonly kind: 'dropped' };

export interface DecideRules extends CreateRules {
  /** Whether somebody still waits for the command. */
  readonly isAlive: (command: Command) => boolean;
}

const isCreate = (command: Command): command is CreateOrder => command.kind === 'create';

/**
 * What these commands need to see. A request id that loms drew itself is known to nobody on its first try, so it is looked
 * up from the second on.
 */
export function wantedBy(commands: readonly Command[], isRerun: (command: Command) => boolean): Wanted {
  const creates = commands.filter(isCreate);
  return {
    orderIds: [...new Set(commands.flatMap((command) => (isCreate(command) ? [] : [command.orderId])))],
    skus: [...new Set(creates.flatMap(({ lines }) => lines.map(({ sku }) => sku)))],
    requestIds: [
      ...new Set(creates.flatMap((create) => (create.isNamed || isRerun(create) ? [create.requestId] : []))),
    ],
    keys: creates.flatMap(({ userId, key }) => (key === undefined ? [] : [{ userId, key: key.text }])),
    newOrders: creates.length,
  };
}

/**
 * Decides the commands in their order, each on what the ones before it left. Pure.
 *
 * A refusal is an answer, and what was decided with it is kept. Any other error is a bug; it fails the whole batch, and the
 * batcher finds its culprit.
 */
export function decideBatch(
  commands: readonly Command[],
  loaded: Loaded,
  rules: DecideRules,
): { changes: Changes; answers: Answer[] } {
  const draft = createDraft(loaded);
  const answers = commands.map((command): Answer => {
    if (!rules.isAlive(command)) return { kind: 'dropped' };
    try {
      return { kind: 'done', orderId: decide(draft, command, rules) };
    } catch (error) {
      if (error instanceof AppError) return { kind: 'refused', refusal: error };
      throw error;
    }
  });
  return { changes: draft.changes(), answers };
}

function decide(draft: Draft, command: Command, rules: DecideRules): bigint | undefined {
  switch (command.kind) {
    case 'create':
      return decideCreate(draft, command, rules);
    case 'pay':
      decidePay(draft, command);
      return undefined;
    case 'cancel':
      decideCancel(draft, command);
      return undefined;
    case 'expire':
      decideExpire(draft, command);
      return undefined;
  }
}
