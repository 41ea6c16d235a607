import { type Queryable, openDb } from '@tally/platform/postgres';

import { requireDatabases } from '../databases.ts';
import { bind, readQueries } from '../queries.ts';
import queries from './repair.sql' with { type: 'text' };

interface Counters {
  readonly total: bigint;
  readonly held: bigint;
  readonly reserved: bigint;
}

/** Everything that decides whether the counters of a sku can be mended. */
interface Evidence {
  readonly sku: bigint;
  readonly counters: Counters;
  /** The sums of the sku's movements. */
  readonly ledger: Counters;
  /** Units in open orders. */
  readonly ordered: bigint;
}

type Decision =
  | { readonly kind: 'fine' }
  | { readonly kind: 'mend'; readonly to: Counters }
  | { readonly kind: 'leave'; readonly why: string };

/** What was found about the counters of a sku, and what a repair does about them. */
export interface SkuRepair {
  readonly evidence: Evidence;
  readonly decision: Decision;
}

/**
 * Decides whether a repair sets the counters of a sku to the sums of the ledger. It does so only when these sums are
 * possible and agree with the open orders. A repair changes neither the ledger nor the orders, because they are
 * history.
 */
function decideRepair({ counters, ledger, ordered }: Evidence): Decision {
  if (isSame(counters, ledger)) return { kind: 'fine' };
  if (ledger.total < 0n || ledger.held < 0n || ledger.reserved < 0n || ledger.reserved > ledger.total) {
    return { kind: 'leave', why: 'the sums of the ledger are impossible: a movement is missing or was changed' };
  }
  if (ledger.reserved !== ordered) {
    return {
      kind: 'leave',
      why:
        `open orders have ${ordered} units reserved, the ledger ${ledger.reserved}: ` +
        'a movement or an order was changed',
    };
  }
  return { kind: 'mend', to: ledger };
}

/** Returns what a repair would do to each sku whose counters differ from the ledger. Changes nothing. */
export async function planRepair(lomsUrl: string): Promise<SkuRepair[]> {
  await using db = openDb({ url: lomsUrl, applicationName: 'repair', maxConnections: 1, answerTimeoutMs: 600_000 });
  await requireDatabases({ loms: lomsUrl }, { loms: db });
  return await db.transaction(
    async (tx) => {
      await tx.query('set local statement_timeout = 0; set local transaction_timeout = 0');
      const rows = await run(tx, 'differing skus');
      const skus: bigint[] = rows.map(({ sku }) => sku);
      return (await readEvidence(tx, skus)).map(toSkuRepair);
    },
    { snapshot: true },
  );
}

/**
 * Mends the counters of these skus, and returns what it did to each. Each sku has a transaction of its own, which
 * decides anew and writes a row of the table audit.
 *
 * The transaction locks the sku's row of stocks. A movement is written only under the same lock, so the sums of the
 * ledger cannot change before the commit. It locks no other row, so it cannot deadlock with a transaction that locks
 * orders and stocks.
 */
export async function repair(lomsUrl: string, skus: readonly bigint[], reason: string): Promise<SkuRepair[]> {
  await using db = openDb({ url: lomsUrl, applicationName: 'repair', maxConnections: 1 });
  const repaired: SkuRepair[] = [];
  for (const sku of skus) {
    const result = await db.transaction(async (tx) => {
      await tx.query('select from stocks where sku = $1 for no key update', [sku]);
      // A statement that begins after the lock sees what was committed while the lock was waited for.
      const [evidence] = await readEvidence(tx, [sku]);
      if (evidence === undefined) return undefined;
      const decision = decideRepair(evidence);
      if (decision.kind === 'mend') {
        tx.sendWithCommit(run(tx, 'repair', { sku, ...decision.to, subject: describeMend(evidence), reason }));
      }
      return { evidence, decision };
    });
    if (result !== undefined) repaired.push(result);
  }
  return repaired;
}

async function readEvidence(tx: Queryable, skus: readonly bigint[]): Promise<Evidence[]> {
  const rows = await run(tx, 'evidence', { skus: [...skus] });
  return rows.map((row) => ({
    sku: row.sku,
    counters: { total: row.total, held: row.held, reserved: row.reserved },
    ledger: { total: row.ledger_total, held: row.ledger_held, reserved: row.ledger_reserved },
    ordered: row.ordered,
  }));
}

const query = readQueries(queries);

async function run(tx: Queryable, name: string, values: Readonly<Record<string, unknown>> = {}): Promise<any[]> {
  const bound = bind(query(name), values);
  return (await tx.query(bound.text, bound.values)).rows;
}

const toSkuRepair = (evidence: Evidence): SkuRepair => ({ evidence, decision: decideRepair(evidence) });

const isSame = (a: Counters, b: Counters) => a.total === b.total && a.held === b.held && a.reserved === b.reserved;

/** Returns a text such as `sku 7: total 300 → 299, held 0, reserved 2 → 1`. */
export function describeMend({ sku, counters, ledger }: Evidence): string {
  const step = (name: keyof Counters) =>
    counters[name] === ledger[name] ? `${name} ${counters[name]}` : `${name} ${counters[name]} → ${ledger[name]}`;
  return `sku ${sku}: ${step('total')}, ${step('held')}, ${step('reserved')}`;
}
