import type { LoadedSku } from '@tally/loms/stock-load';

const MAX_LISTED = 20;

/** Describes the outcome of a load: the counts, and the first 20 refused skus. */
export function describeLoad(loaded: readonly LoadedSku[], entries: number): string {
  if (loaded.length === 0) {
    return entries === 0
      ? 'The file names no sku, so there is nothing to load.'
      : 'The database has stock already, so nothing was loaded.';
  }
  const count = (wanted: LoadedSku['outcome']) => loaded.filter(({ outcome }) => outcome === wanted).length;
  const refused = loaded.filter(({ outcome }) => outcome === 'refused');
  const listed = refused
    .slice(0, MAX_LISTED)
    .map(
      ({ entry, before }) =>
        `  sku ${entry.sku}: refused, total ${entry.total} is below the ${before.reserved} that orders have reserved`,
    );
  const more = refused.length - listed.length;
  return [
    `${loaded.length} ${loaded.length === 1 ? 'sku' : 'skus'}: ${count('received')} new, ${count('adjusted')} adjusted, ${count('unchanged')} unchanged, ${refused.length} refused`,
    ...listed,
    ...(more > 0 ? [`  and ${more} more`] : []),
  ].join('\n');
}
