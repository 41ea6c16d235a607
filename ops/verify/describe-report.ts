import { type Invariant, MAX_OFFENDERS, type Report } from './verify.ts';

/** Describes the report as a table: one line for each invariant, with what breaks it in the lines below. */
export function describeReport({ invariants }: Report): string {
  const nameColumns = Math.max(...invariants.map(({ name }) => name.length));
  const line = (name: string, verdict: string, figure: string) =>
    `${name.padEnd(nameColumns)}  ${verdict.padEnd(VERDICT_COLUMNS)}  ${figure}`;
  const lines = invariants.flatMap((invariant) => {
    const { name, verdict, figure } = invariant;
    return [line(name, verdict, verdict === 'skipped' ? 'with --full' : figure), ...describeFaults(invariant)];
  });
  return [line('invariant', 'verdict', 'looked at'), ...lines, ...describeUncounted(invariants)].join('\n');
}

/** Names the rows of the table that the summary does not count: figures, and rules that only --full checks. */
function describeUncounted(invariants: readonly Invariant[]): string[] {
  const uncounted = invariants.flatMap(({ name, verdict }) => {
    if (verdict === 'noted') return [`${name} (a figure, and not a promise)`];
    return verdict === 'skipped' ? [`${name} (skipped without --full)`] : [];
  });
  return uncounted.length === 0 ? [] : [`not counted below: ${uncounted.join(', ')}`];
}

const VERDICT_COLUMNS = 'violated'.length;

function describeFaults({ verdict, meaning, offenders, total, advice }: Invariant): string[] {
  if (verdict !== 'late' && verdict !== 'violated') return [];
  const more = total - offenders.length;
  return [
    `  broken ${total === 1 ? 'once' : `${total} times`}: ${meaning}`,
    ...offenders.map(({ id, what }) => `    ${id}: ${what}`),
    ...(more > 0 ? [`    and ${more} more (the first ${MAX_OFFENDERS} are shown)`] : []),
    `  what to do: ${advice}`,
  ];
}

/** Describes the verdict in one line. */
export function summarise({ verdict, full, invariants, totals }: Report): string {
  const broken = invariants.filter((invariant) => invariant.verdict === 'late' || invariant.verdict === 'violated');
  const looked = [...broken, ...invariants.filter((invariant) => invariant.verdict === 'holds')];
  const what =
    broken.length === 0
      ? `${looked.length} invariants over`
      : `${broken.length} of ${looked.length} invariants (${broken.map(({ name }) => name).join(', ')});`;
  const figures = (['orders', 'events', 'notifications', 'checkouts', 'skus'] as const).map(
    (name) => `${totals[name].toLocaleString('en')} ${name}`,
  );
  return `verify: ${verdict}: ${what} ${figures.join(', ')}${full ? ', all of them looked at' : ''}`;
}
