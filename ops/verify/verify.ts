import type { DatabaseUrls } from './databases.ts';
import { type Totals, readTotals } from './figures.ts';
import { type FactName, RULES, type Rule, type Seen } from './rules.ts';
import { type SnapshotName, type Snapshots, withSnapshots } from './snapshots.ts';
import { type Facts, WALKS } from './walks.ts';

/** `late`: nothing is wrong for ever, but something waits too long. */
export type Verdict = 'holds' | 'late' | 'violated';

export interface Offender {
  /** `order 17 version 2` */
  readonly id: string;
  readonly what: string;
}

export interface Invariant {
  readonly name: string;
  readonly meaning: string;
  /** `skipped`: only the full proof looks at it. `noted`: a figure, and no promise. */
  readonly verdict: Verdict | 'skipped' | 'noted';
  /** What it looked at. */
  readonly figure: string;
  /** What breaks it, all told. */
  readonly total: number;
  /** The first of them. */
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
  /** All orders, checkouts and records, instead of the open and recent ones. */
  readonly full?: boolean;
  readonly signal?: AbortSignal;
  /** Told again and again how far it is. */
  readonly onProgress?: (seen: Seen, totals: Totals) => void;
  /** Waited for behind each snapshot: a test pauses there, so that much happens between two of them. */
  readonly onSnapshot?: (name: SnapshotName) => Promise<void>;
}

export const MAX_OFFENDERS = 20;

const NOTHING_SEEN: Readonly<Record<FactName, number>> = {
  moment: 0,
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
 * Proves that everything adds up, or says what does not. It only reads, takes no lock, and may run at any time beside any
 * load. Throws where a database cannot be read.
 */
export async function verify({ urls, full = false, signal, onProgress, onSnapshot }: VerifyOptions): Promise<Report> {
  const prove = async (snapshots: Snapshots): Promise<Report> => {
    const totals = await readTotals(snapshots);
    const seen = { ...NOTHING_SEEN };
    const findings = RULES.map((rule): Finding => ({ rule, total: 0, offenders: [] }));
    for (const [over, walk] of Object.entries(WALKS)) {
      const wanted = findings.filter(({ rule }) => rule.over === over && (full || rule.onlyFull !== true));
      for await (const facts of walk(snapshots, full)) {
        signal?.throwIfAborted();
        for (const [name, fact] of Object.entries(facts)) seen[name as FactName] += fact.rows;
        await Promise.all(wanted.map((finding) => judge(finding, snapshots, facts)));
        onProgress?.(seen, totals);
      }
    }
    const invariants = findings.map((finding) => toInvariant(finding, totals, seen, full));
    return { verdict: worstOf(invariants), full, invariants, totals, seen };
  };
  return await withSnapshots(urls, prove, onSnapshot);
}

/** What breaks a rule, as far as was looked. */
interface Finding {
  readonly rule: Rule;
  total: number;
  readonly offenders: Offender[];
}

async function judge(finding: Finding, snapshots: Snapshots, facts: Facts): Promise<void> {
  const { name, at, given, needs } = finding.rule;
  const snapshot = snapshots[at];
  const query = snapshot.isKafka ? (finding.rule.queryOnKafka ?? finding.rule.query) : finding.rule.query;
  const values = given.map((fact) => {
    const value = fact === 'moment' ? snapshot.moment : facts[fact]?.json;
    if (value === undefined) throw new Error(`'${name}' is given ${fact}, which its walk does not read`);
    return value;
  });
  const rows = await snapshot.rows(
    `with offender as (${query})
     select id, what, (count(*) over ())::integer as total from offender limit ${MAX_OFFENDERS}`,
    values,
    typeof needs === 'string' ? { kind: needs, json: values[0] ?? '[]' } : needs,
  );
  const found = rows as (Offender & { total: number })[];
  finding.total += found[0]?.total ?? 0;
  for (const { id, what } of found.slice(0, MAX_OFFENDERS - finding.offenders.length))
    finding.offenders.push({ id, what });
}

function toInvariant({ rule, total, offenders }: Finding, totals: Totals, seen: Seen, full: boolean): Invariant {
  const { name, meaning, advice, broken, onlyFull } = rule;
  const isSkipped = onlyFull === true && !full;
  const verdict = isSkipped ? 'skipped' : broken === 'noted' || total > 0 ? broken : 'holds';
  return { name, meaning, advice, verdict, figure: rule.figure(totals, seen, total), total, offenders };
}

function worstOf(invariants: readonly Invariant[]): Verdict {
  const has = (verdict: Verdict) => invariants.some((invariant) => invariant.verdict === verdict);
  return has('violated') ? 'violated' : has('late') ? 'late' : 'holds';
}
