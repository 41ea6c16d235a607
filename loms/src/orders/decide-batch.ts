import { AppError } from '@tally/platform/errors';

import type { Changes, Loaded, Wanted } from './decision.ts';
import { type Draft, createDraft } from './draft.ts';
import { type CancelOrder, decideCancel } from './order-cancel.ts';
import { type CreateOrder, decideCreate } from './order-create.ts';
import { type ExpireOrder, decideExpire } from './order-expire.ts';
import { type PayOrder, decidePay } from './order-pay.ts';

/** A request to change orders. Every change of an order is a command. */
export type Command = CreateOrder | PayOrder | CancelOrder | ExpireOrder;

/** The decision on each kind of command. It returns the command's outcome, or throws an AppError as the refusal. */
const DECISIONS = {
  create: decideCreate,
  pay: decidePay,
  cancel: decideCancel,
  expire: decideExpire,
} satisfies { readonly [K in Command['kind']]: (draft: Draft, command: Extract<Command, { kind: K }>) => unknown };

/** What a command resolves with: the order id for a create, nothing for the others. */
export type OutcomeOf<C extends Command> = ReturnType<(typeof DECISIONS)[C['kind']]>;
export type Outcome = OutcomeOf<Command>;

export type Answer =
  | { readonly kind: 'done'; readonly outcome: Outcome }
  | { readonly kind: 'refused'; readonly refusal: AppError };

const isCreate = (command: Command): command is CreateOrder => command.kind === 'create';

/**
 * Returns what the store has to lock and load for these commands.
 *
 * `retried` holds the commands whose earlier attempt may have been committed. All of their request ids are looked up.
 * For the other commands, only checkout ids are looked up, because no order can have an id that loms has just drawn.
 */
export function wantedBy(commands: readonly Command[], retried: ReadonlySet<Command> = new Set()): Wanted {
  const creates = commands.filter(isCreate);
  const lookedUp = creates.filter((create) => create.hasCheckoutId || retried.has(create));
  return {
    orderIds: [...new Set(commands.flatMap((command) => (isCreate(command) ? [] : [command.orderId])))],
    skus: [...new Set(creates.flatMap(({ lines }) => lines.map(({ sku }) => sku)))],
    requestIds: [...new Set(lookedUp.map(({ requestId }) => requestId))],
    keys: creates.flatMap(({ userId, key }) => (key === undefined ? [] : [{ userId, key: key.text }])),
    newOrders: creates.length,
  };
}

/**
 * Decides the commands one after another. Each command sees the changes of the commands before it. Returns one answer
 * for each command, in the same order.
 *
 * A refusal is an answer too. What its decision changed is written all the same, such as an order that failed. Any
 * other error is a bug. It fails the whole batch, and the batcher then finds the command that caused it.
 */
export function decideBatch(
  commands: readonly Command[],
  loaded: Loaded,
): { readonly changes: Changes; readonly answers: Answer[] } {
  const draft = createDraft(loaded);
  const answers = commands.map((command): Answer => {
    draft.begin(command.traceparent);
    try {
      return { kind: 'done', outcome: decide(draft, command) };
    } catch (error) {
      if (error instanceof AppError) return { kind: 'refused', refusal: error };
      throw error;
    }
  });
  return { changes: draft.changes(), answers };
}

function decide(draft: Draft, command: Command): Outcome {
  // DECISIONS pairs each kind with its own command type. The compiler checks that there, but cannot follow it here.
  const decision: (draft: Draft, command: never) => Outcome = DECISIONS[command.kind];
  return decision(draft, command as never);
}
