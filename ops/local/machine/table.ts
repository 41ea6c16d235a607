const MIB = 1024 * 1024;

/** Formats rows as columns of equal width, two spaces apart. */
export function toTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const toLine = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => toLine(row).trimEnd()).join('\n');
}

/** Returns a size in words: `85 MiB`. */
export function toMiB(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

/** Returns a duration in words: `42 s`, `7 min`, `3 h 20 min`, `2 d 5 h`. */
export function toAge(durationMs: number): string {
  const minutes = Math.floor(durationMs / 60_000);
  if (minutes < 1) return `${Math.floor(durationMs / 1000)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
