import { type Clock, sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { type Db, type Transaction, failureOf } from '@tally/platform/postgres';

import type { Cart, CartLine, Changes, Checkout, Decision, Refusal } from '../carts/cart.ts';
import {
  addLine,
  changeLines,
  closeCheckout,
  extendClaim,
  freezeCart,
  keepAddKey,
  keepAudit,
  keepCheckoutKey,
  removeLines,
} from '../gen/apply.queries.ts';
import { deleteOldAddKeys, deleteOldCheckoutKeys } from '../gen/key-expiry.queries.ts';
import {
  type IFindCheckoutsResult,
  type IFindLinesResult,
  ensureCart,
  findAddKey,
  findCheckouts,
  findLines,
  findMoment,
  lockCart,
} from '../gen/load.queries.ts';
import { claimOpenCheckouts, findOwner } from '../gen/resume.queries.ts';
import type { Store, UpdateLimits, Wanted } from './store.ts';

export interface PostgresStoreDeps {
  readonly db: Db;
  readonly clock: Clock;
  /** 0 to 1, for the pause before another try. */
  readonly random: () => number;
}

const MAX_TRIES = 4;
const PAUSE_MS = 50;

/** A decision takes two round trips: one flush that begins, locks and loads, and one that writes and commits. */
export function createPostgresStore({ db, clock, random }: PostgresStoreDeps): Store {
  async function once<A>(
    userId: bigint,
    wanted: Wanted,
    decide: (cart: Cart) => Decision<A>,
    timeoutMs: number,
  ): Promise<A> {
    return db.transaction(
      async (tx) => {
        const cart = await load(tx, userId, wanted);
        const { changes, answer } = decide(cart);
        // Seen before the commit: what goes with a closing must not be written without it.
        if (changes.closed !== undefined) await close(tx, cart, changes.closed);
        tx.sendWithCommit(Promise.all(apply(tx, cart, changes)));
        return answer;
      },
      { timeoutMs },
    );
  }

  return {
    async update(userId, wanted, decide, limits) {
      for (let tries = 1; ; tries += 1) {
        const timeoutMs = limits.deadlineMs - clock.nowMs();
        if (timeoutMs <= 0) throw new AppError('deadline-exceeded', 'the deadline passed before the cart was free');
        try {
          return await once(userId, wanted, decide, timeoutMs);
        } catch (error) {
          if (tries === MAX_TRIES || !mayRunAgain(error, limits)) throw error;
        }
        await sleep(clock, PAUSE_MS * tries * (0.5 + random() / 2));
      }
    },
    async findLines(userId, timeoutMs) {
      const rows = await findLines.run({ userId }, db.within(timeoutMs));
      return rows.map(toLine);
    },
    async findAddKey(userId, key, timeoutMs) {
      const [row] = await findAddKey.run({ userId, key }, db.within(timeoutMs));
      return row?.request_hash;
    },
    async findOwner(checkoutId) {
      const [row] = await findOwner.run({ id: checkoutId }, db);
      return row?.user_id;
    },
    async claimOpen(limit, claimMs) {
      const rows = await claimOpenCheckouts.run({ limit, claimMs: Math.ceil(claimMs) }, db);
      return rows.map((row) => {
        const open = { state: 'open', closed_at: null, order_id: null, refusal: null } as const;
        return { checkout: toCheckout(row.user_id, { ...row, ...open }), moment: row.moment };
      });
    },
    async deleteOldKeys(maxAgeMs, limit) {
      const parameters = { maxAgeSeconds: Math.ceil(maxAgeMs / 1000), limit };
      const added = await deleteOldAddKeys.runWithCounts(parameters, db);
      const checkedOut = await deleteOldCheckoutKeys.runWithCounts(parameters, db);
      return added.rowCount + checkedOut.rowCount;
    },
  };
}

/** A conflict rolled back for certain. Behind the others, the commit may have gone through. */
function mayRunAgain(error: unknown, { isRepeatable }: UpdateLimits): boolean {
  const failure = failureOf(error);
  return failure === 'conflict' || (isRepeatable && (failure === 'timeout' || failure === 'lost'));
}

async function load(tx: Transaction, userId: bigint, wanted: Wanted): Promise<Cart> {
  const { addKey = null, checkoutKey = null, checkoutId = null } = wanted;
  // Started together, so they leave in one flush; the server runs them one after another, the look-ups behind the lock.
  const [, , lines, rows, moments] = await Promise.all([
    ensureCart.run({ userId }, tx),
    lockCart.run({ userId }, tx),
    findLines.run({ userId }, tx),
    findCheckouts.run({ userId, key: checkoutKey, id: checkoutId }, tx),
    findMoment.run({ userId, addKey }, tx),
  ]);
  const [{ moment, request_hash }] = moments as [(typeof moments)[number]];
  const checkouts = rows.map((row) => ({ ...toCheckout(userId, row), isKeyed: row.is_keyed }));
  const closedMs = ({ closedAt }: Checkout) => closedAt?.getTime() ?? 0;
  const done = checkouts.filter(({ state }) => state === 'done').toSorted((a, b) => closedMs(b) - closedMs(a));
  return {
    userId,
    moment,
    lines: lines.map(toLine),
    open: checkouts.find(({ state }) => state === 'open'),
    keyed: checkouts.find(({ isKeyed }) => isKeyed),
    named: checkouts.find(({ id }) => id === checkoutId),
    lastDone: done[0],
    addKeyHash: request_hash ?? undefined,
  };
}

const toLine = ({ id, sku, count, name, price }: IFindLinesResult): CartLine => ({
  id,
  sku: Number(sku),
  count,
  name,
  price: Number(price),
});

function toCheckout(userId: bigint, row: Omit<IFindCheckoutsResult, 'is_keyed'>): Checkout {
  return {
    id: row.id,
    userId,
    state: row.state,
    decideBefore: row.decide_before,
    closedAt: row.closed_at,
    orderId: row.order_id,
    refusal: row.refusal as Refusal | null,
    lines: row.line_ids.map((id, i) => ({
      id,
      sku: Number(row.skus[i]),
      count: row.counts[i] ?? 0,
      name: row.names[i] ?? '',
      price: Number(row.prices[i]),
    })),
  };
}

async function close(tx: Transaction, { moment }: Cart, { id, state, orderId, refusal }: Checkout): Promise<void> {
  const kept = refusal === null ? null : { ...refusal, values: { ...refusal.values } };
  const { rowCount } = await closeCheckout.runWithCounts({ id, state, moment, orderId, refusal: kept }, tx);
  if (rowCount !== 1) throw new Error(`checkout ${id} was closed by somebody who did not lock its cart`);
}

function apply(tx: Transaction, { userId, moment }: Cart, changes: Changes): Promise<unknown>[] {
  const { removedLineIds = [], changedLines = [], addedLine, addKey, frozen, extended, checkoutKey, audit } = changes;
  const started: Promise<unknown>[] = [];
  if (removedLineIds.length > 0) started.push(removeLines.run({ userId, ids: [...removedLineIds] }, tx));
  if (changedLines.length > 0) started.push(changeLines.run({ userId, ...toColumns(changedLines) }, tx));
  if (addedLine) {
    const { sku, price, ...line } = addedLine;
    started.push(addLine.run({ userId, ...line, sku: BigInt(sku), price: BigInt(price) }, tx));
  }
  if (addKey) {
    started.push(keepAddKey.run({ userId, moment, key: addKey.text, requestHash: addKey.requestHash }, tx));
  }
  if (frozen) {
    const { checkout, claimMs } = frozen;
    const { ids: lineIds, ...columns } = toColumns(checkout.lines);
    const { id, decideBefore } = checkout;
    const claim = { id, userId, moment, decideBefore, claimMs: Math.ceil(claimMs) };
    started.push(freezeCart.run({ ...claim, ...columns, lineIds }, tx));
  }
  if (extended) {
    started.push(extendClaim.run({ id: extended.checkoutId, claimMs: Math.ceil(extended.claimMs) }, tx));
  }
  if (checkoutKey) started.push(keepCheckoutKey.run({ userId, moment, ...checkoutKey }, tx));
  if (audit) started.push(keepAudit.run(audit, tx));
  return started;
}

function toColumns(lines: readonly CartLine[]) {
  return {
    ids: lines.map(({ id }) => id),
    skus: lines.map(({ sku }) => BigInt(sku)),
    counts: lines.map(({ count }) => count),
    names: lines.map(({ name }) => name),
    prices: lines.map(({ price }) => BigInt(price)),
  };
}
