import type { DatabaseUrls } from './databases.ts';
import { RULES, type Rule, type Seen } from './rules.ts';
import { type SnapshotName, type Snapshots, withSnapshots } from './snapshots.ts';
import { type Totals, readTotals } from './totals.ts';
import { type FactName, type Facts, WALKS, type Walk } from './walks.ts';

/** `late`: nothing is broken for good, but something has waited too long. */
export type Verdict = 'holds' | 'late' | 'violated';

interface Offender {
  /** Names a row by words and ids, such as `order 17 version 2`. */
  readonly id: string;
  /** What is wrong with it. */
  readonly what: string;
}

/** A rule and what was found about it. */
export interface Invariant {
  readonly name: string;
  readonly meaning: string;
  /** `skipped`: the rule is checked only with --full. `noted`: the rule yields a figure and promises nothing. */
  readonly verdict: Verdict | 'skipped' | 'noted';
  /** How much was looked at. */
  readonly figure: string;
  /** The number of offenders. */
  readonly total: number;
  /** The first MAX_OFFENDERS offenders. */
  readonly offenders: readonly Offender[];
  readonly advice: string;
}

export interface Report {
  readonly verdict: Verdict;
  readonly full: boolean;
  readonly invariants: readonly Invariant[];
  readonly totals: Totals;
  readonly seen: Seen;
}

export interface VerifyOptions {
  readonly urls: DatabaseUrls;
  /** Whether to look at all orders, checkouts and records, or only at the open and recent ones. */
  readonly full?: boolean;
  readonly signal?: AbortSignal;
  /** Called after each chunk. */
  readonly onProgress?: (seen: Seen, totals: Totals) => void;
  /** Awaited after each snapshot. Tests pause here, so that much happens between two snapshots. */
  readonly onSnapshot?: (name: SnapshotName) => Promise<void>;
}

export const MAX_OFFENDERS = 20;

const NOTHING_SEEN: Seen = {
  offsets: 0,
  chosen: 0,
  orders: 0,
  events: 0,
  notifications: 0,
  records: 0,
  checkouts: 0,
  dead: 0,
};

/**
 * Checks every rule, and reports what breaks it. It only reads, and no service waits for it, so it may run at any time
 * and under any load. Rejects when a database cannot be read.
 */
export async function verify({ urls, full = false, signal, onProgress, onSnapshot }: VerifyOptions): Promise<Report> {
  const checkRules = async (snapshots: Snapshots): Promise<Report> => {
    const totals = await readTotals(snapshots);
    const seen: Record<FactName, number> = { ...NOTHING_SEEN };
    const findings = RULES.map((rule): Finding => ({ rule, total: 0, offenders: [] }));
    for (const [name, walk] of Object.entries<Walk>(WALKS)) {
      const concerned = findings.filter(({ rule }) => rule.over === name && (full || rule.onlyFull !== true));
      for await (const facts of walk(snapshots, full)) {
        signal?.throwIfAborted();
        for (const [fact, { rows }] of Object.entries(facts)) seen[fact as FactName] += rows;
        await Promise.all(concerned.map((finding) => checkRule(finding, snapshots, facts)));
        onProgress?.(seen, totals);
      }
    }
    const invariants = findings.map((finding) => toInvariant(finding, totals, seen, full));
    return { verdict: worstOf(invariants), full, invariants, totals, seen };
  };
  return await withSnapshots(urls, checkRules, onSnapshot);
}

/** What has been found so far about a rule. */
interface Finding {
  readonly rule: Rule;
  total: number;
  readonly offenders: Offender[];
}

/** Runs the query of a rule for one chunk of a walk, and adds the rows to the finding. */
async function checkRule(finding: Finding, snapshots: Snapshots, facts: Facts): Promise<void> {
  const { at, query, queryOnKafka = query } = finding.rule;
  const snapshot = snapshots[at];
  const rows: (Offender & { total: number })[] = await snapshot.rows(
    `with offender as (${snapshot.kafka === undefined ? query : queryOnKafka})
     select id, what, (count(*) over ())::integer as total from offender limit ${MAX_OFFENDERS}`,
    Object.fromEntries(Object.entries(facts).map(([name, { json }]) => [name, json])),
  );
  finding.total += rows[0]?.total ?? 0;
  for (const { id, what } of rows.slice(0, MAX_OFFENDERS - finding.offenders.length))
    finding.offenders.push({ id, what });
}

function toInvariant({ rule, total, offenders }: Finding, totals: Totals, seen: Seen, full: boolean): Invariant {
  const { name, meaning, advice, broken, onlyFull } = rule;
  const isSkipped = onlyFull === true && !full;
  const verdict = isSkipped ? 'skipped' : broken === 'noted' || total > 0 ? broken : 'holds';
  return { name, meaning, advice, verdict, figure: rule.figure(totals, seen, total), total, offenders };
}

function worstOf(invariants: readonly Invariant[]): Verdict {
  const verdicts = new Set(invariants.map(({ verdict }) => verdict));
  return verdicts.has('violated') ? 'violated' : verdicts.has('late') ? 'late' : 'holds';
}
