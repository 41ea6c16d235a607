import { type Clock, sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { type Db, type Transaction, failureOf } from '@tally/platform/postgres';

import type { Cart, CartLine, Changes, Checkout, CheckoutRefusal, Decision } from '../carts/cart.ts';
import {
  deleteLines,
  extendClaim,
  insertAddKey,
  insertAudit,
  insertCheckout,
  insertLine,
  updateClosedCheckout,
  updateLines,
  upsertCheckoutKey,
} from '../gen/apply.queries.ts';
import { deleteOldAddKeys, deleteOldCheckoutKeys } from '../gen/key-expiry.queries.ts';
import {
  type IFindCheckoutsResult,
  type IFindLinesResult,
  ensureCart,
  findAddKey,
  findCheckouts,
  findLines,
  findMomentAndAddKey,
  lockCart,
} from '../gen/load.queries.ts';
import { claimOpenCheckouts, findOwner } from '../gen/resume.queries.ts';
import type { Store, Wanted } from './store.ts';

interface PostgresStoreDeps {
  readonly db: Db;
  readonly clock: Clock;
  /** Returns 0 to 1. Spreads the pauses between attempts. */
  readonly random: () => number;
}

const MAX_ATTEMPTS = 4;
/** Maximum milliseconds of the pause before the second attempt. Each further pause may be longer by as much. */
const PAUSE_MS = 50;

/**
 * Stores carts in PostgreSQL. An update takes two round trips: the first begins the transaction, locks the cart and
 * loads it; the second writes and commits. Closing a checkout takes a third one.
 */
export function createPostgresStore({ db, clock, random }: PostgresStoreDeps): Store {
  async function attempt<A>(
    userId: bigint,
    wanted: Wanted,
    decide: (cart: Cart) => Decision<A>,
    timeoutMs: number,
  ): Promise<A> {
    return db.transaction(
      async (tx) => {
        const cart = await load(tx, userId, wanted);
        const { changes, answer } = decide(cart);
        // This is awaited before the commit is sent. If somebody else has closed the checkout, it throws, and nothing
        // is written.
        if (changes.closed !== undefined) await writeClosed(tx, cart, changes.closed);
        tx.sendWithCommit(Promise.all(write(tx, cart, changes)));
        return answer;
      },
      { timeoutMs },
    );
  }

  return {
    async update(userId, wanted, decide, { deadlineMs, isRepeatable }) {
      for (let attempts = 1; ; attempts += 1) {
        const timeoutMs = deadlineMs - clock.nowMs();
        if (timeoutMs <= 0) throw new AppError('deadline-exceeded', 'the deadline passed before the cart was free');
        try {
          return await attempt(userId, wanted, decide, timeoutMs);
        } catch (error) {
          if (attempts === MAX_ATTEMPTS || !mayRetry(error, isRepeatable)) throw error;
        }
        await sleep(clock, PAUSE_MS * attempts * (0.5 + random() / 2));
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
      const addKeys = await deleteOldAddKeys.runWithCounts(parameters, db);
      const checkoutKeys = await deleteOldCheckoutKeys.runWithCounts(parameters, db);
      return addKeys.rowCount + checkoutKeys.rowCount;
    },
  };
}

/**
 * Returns whether to make another attempt. After a conflict the transaction was certainly rolled back. After a timeout
 * or a lost connection it may have been committed.
 */
function mayRetry(error: unknown, isRepeatable: boolean): boolean {
  const failure = failureOf(error);
  return failure === 'conflict' || (isRepeatable && (failure === 'timeout' || failure === 'lost'));
}

async function load(tx: Transaction, userId: bigint, wanted: Wanted): Promise<Cart> {
  const { addKey = null, checkoutKey = null, checkoutId = null } = wanted;
  // These statements are started together and sent in one flush. The server runs them in this order, so that the reads
  // come after the lock.
  const [, , lines, rows, moments] = await Promise.all([
    ensureCart.run({ userId }, tx),
    lockCart.run({ userId }, tx),
    findLines.run({ userId }, tx),
    findCheckouts.run({ userId, key: checkoutKey, id: checkoutId }, tx),
    findMomentAndAddKey.run({ userId, addKey }, tx),
  ]);
  const [{ moment, request_hash }] = moments as [(typeof moments)[number]];
  const checkouts = rows.map((row) => ({ ...toCheckout(userId, row), isKeyed: row.is_keyed }));
  const closedMs = ({ closedAt }: Checkout) => closedAt?.getTime() ?? 0;
  const done = checkouts.filter(({ state }) => state === 'done').toSorted((a, b) => closedMs(b) - closedMs(a));
  return {
    userId,
    moment,
    lines: lines.map(toLine),
    openCheckout: checkouts.find(({ state }) => state === 'open'),
    checkoutByKey: checkouts.find(({ isKeyed }) => isKeyed),
    checkoutById: checkouts.find(({ id }) => id === checkoutId),
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
    refusal: row.refusal as CheckoutRefusal | null,
    lines: row.line_ids.map((id, i) => {
      const [sku, count, name, price] = [row.skus[i], row.counts[i], row.names[i], row.prices[i]];
      if (sku === undefined || count === undefined || name === undefined || price === undefined) {
        throw new Error(`checkout ${row.id}: its columns of lines have different lengths`);
      }
      return { id, sku: Number(sku), count, name, price: Number(price) };
    }),
  };
}

async function writeClosed(
  tx: Transaction,
  { moment }: Cart,
  { id, state, orderId, refusal }: Checkout,
): Promise<void> {
  const json = refusal === null ? null : { ...refusal, values: { ...refusal.values } };
  const { rowCount } = await updateClosedCheckout.runWithCounts({ id, state, moment, orderId, refusal: json }, tx);
  if (rowCount !== 1) throw new Error(`checkout ${id} was closed by somebody who did not lock its cart`);
}

/** Starts every write of a decision except closing a checkout. */
function write(tx: Transaction, { userId, moment }: Cart, changes: Changes): Promise<unknown>[] {
  const {
    removedLineIds = [],
    changedLines = [],
    addedLine,
    addKey,
    frozen,
    extendedClaim,
    checkoutKey,
    audit,
  } = changes;
  const started: Promise<unknown>[] = [];
  if (removedLineIds.length > 0) started.push(deleteLines.run({ userId, ids: [...removedLineIds] }, tx));
  if (changedLines.length > 0) started.push(updateLines.run({ userId, ...toColumns(changedLines) }, tx));
  if (addedLine) {
    const { sku, count, name, price } = addedLine;
    started.push(insertLine.run({ userId, sku: BigInt(sku), count, name, price: BigInt(price) }, tx));
  }
  if (addKey) {
    started.push(insertAddKey.run({ userId, moment, key: addKey.text, requestHash: addKey.requestHash }, tx));
  }
  if (frozen) {
    const { id, decideBefore, lines } = frozen.checkout;
    const { ids: lineIds, ...columns } = toColumns(lines);
    const claimMs = Math.ceil(frozen.claimMs);
    started.push(insertCheckout.run({ id, userId, moment, decideBefore, claimMs, lineIds, ...columns }, tx));
  }
  if (extendedClaim) {
    const { checkoutId: id, claimMs } = extendedClaim;
    started.push(extendClaim.run({ id, claimMs: Math.ceil(claimMs) }, tx));
  }
  if (checkoutKey) started.push(upsertCheckoutKey.run({ userId, moment, ...checkoutKey }, tx));
  if (audit) started.push(insertAudit.run(audit, tx));
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
