import { type Queryable, openDb } from '@tally/platform/postgres';

import { requireDatabases } from '../databases.ts';
import countersQuery from './counters.sql' with { type: 'text' };
import differingSkus from './differing-skus.sql' with { type: 'text' };
import mendQuery from './mend.sql' with { type: 'text' };

export interface Counters {
  readonly total: bigint;
  readonly held: bigint;
  readonly reserved: bigint;
}

/** All that decides whether the counters of a sku can be mended. */
export interface Evidence {
  readonly sku: bigint;
  readonly counters: Counters;
  readonly ledger: Counters;
  /** Units in orders that await payment. */
  readonly ordered: bigint;
}

export type Decision =
  | { readonly kind: 'fine' }
  | { readonly kind: 'mend'; readonly to: Counters }
  | { readonly kind: 'leave'; readonly why: string };

export interface Repaired {
  readonly evidence: Evidence;
  readonly decision: Decision;
}

/**
 * Counters are derived, so they can be derived again: from the ledger, and only where the ledger itself agrees with the
 * open orders. Ledger, orders and events are history, and history is never invented.
 */
export function decideRepair({ counters, ledger, ordered }: Evidence): Decision {
  if (isSame(counters, ledger)) return { kind: 'fine' };
  if (ledger.total < 0n || ledger.held < 0n || ledger.reserved < 0n || ledger.reserved > ledger.total) {
    return { kind: 'leave', why: 'the ledger itself cannot be right' };
  }
  if (ledger.reserved !== ordered) {
    return { kind: 'leave', why: `open orders have ${ordered} reserved: the ledger or an order was changed` };
  }
  return { kind: 'mend', to: ledger };
}

/** What a repair would do; it changes nothing. */
export async function planRepair(lomsUrl: string): Promise<Repaired[]> {
  await using db = openDb({ url: lomsUrl, applicationName: 'repair', maxConnections: 1, answerTimeoutMs: 600_000 });
  await requireDatabases({ loms: lomsUrl }, { loms: db });
  return await db.transaction(
    async (tx) => {
      await tx.query('set local statement_timeout = 0; set local transaction_timeout = 0');
      const { rows } = await tx.query(differingSkus);
      return (
        await readEvidence(
          tx,
          rows.map(({ sku }) => sku),
        )
      ).map(withDecision);
    },
    { snapshot: true },
  );
}

/**
 * Mends the counters of these skus, one transaction and one audit row each, and returns what it found behind each lock.
 * Whoever moves a sku locks its stock first, and whoever locks orders too locks them before: this locks one stock alone, so
 * it keeps that order, and what it sums behind the lock can not change until it commits.
 */
export async function repair(lomsUrl: string, skus: readonly bigint[], reason: string): Promise<Repaired[]> {
  await using db = openDb({ url: lomsUrl, applicationName: 'repair', maxConnections: 1 });
  const repaired: Repaired[] = [];
  for (const sku of skus) {
    const done = await db.transaction(async (tx) => {
      await tx.query('select from stocks where sku = $1 for no key update', [sku]);
      // A later statement, so that it sees what the lock waited for.
      const [evidence] = await readEvidence(tx, [sku]);
      if (evidence === undefined) return undefined;
      const { decision } = withDecision(evidence);
      if (decision.kind === 'mend') {
        const { total, held, reserved } = decision.to;
        tx.sendWithCommit(tx.query(mendQuery, [sku, total, held, reserved, describeMend(evidence), reason]));
      }
      return { evidence, decision };
    });
    if (done !== undefined) repaired.push(done);
  }
  return repaired;
}

async function readEvidence(tx: Queryable, skus: readonly bigint[]): Promise<Evidence[]> {
  const { rows } = await tx.query(countersQuery, [[...skus]]);
  return rows.map((row) => ({
    sku: row.sku,
    counters: { total: row.total, held: row.held, reserved: row.reserved },
    ledger: { total: row.ledger_total, held: row.ledger_held, reserved: row.ledger_reserved },
    ordered: row.ordered,
  }));
}

const withDecision = (evidence: Evidence): Repaired => ({ evidence, decision: decideRepair(evidence) });

const isSame = (a: Counters, b: Counters) => a.total === b.total && a.held === b.held && a.reserved === b.reserved;

/** `sku 7: total 300 → 299, held 0, reserved 2 → 1` */
export function describeMend({ sku, counters, ledger }: Evidence): string {
  const step = (name: keyof Counters) =>
    counters[name] === ledger[name] ? `${name} ${counters[name]}` : `${name} ${counters[name]} → ${ledger[name]}`;
  return `sku ${sku}: ${step('total')}, ${step('held')}, ${step('reserved')}`;
}
