import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CoverageRule {
  readonly name: string;
  readonly folder: string;
  /** Matches files that do not count. */
  readonly except: RegExp;
  readonly minPercent: number;
}

export interface CoverageVerdict extends CoverageRule {
  readonly percent: number;
  readonly isEnough: boolean;
}

/**
 * Returns the line coverage of each folder over all its source files. Bun's reports omit the files that no test
 * imported; in such a file, every line that is not blank counts as missed.
 */
export function judgeCoverage(
  root: string,
  reports: readonly string[],
  rules: readonly CoverageRule[],
): CoverageVerdict[] {
  const hits = readReports(reports);
  return rules.map((rule) => {
    let lines = 0;
    let covered = 0;
    for (const file of sourceFiles(root, rule)) {
      const counts = [...(hits.get(file)?.values() ?? missedLines(join(root, file)))];
      lines += counts.length;
      covered += counts.filter((count) => count > 0).length;
    }
    const percent = lines === 0 ? 100 : (covered / lines) * 100;
    return { ...rule, percent, isEnough: percent >= rule.minPercent };
  });
}

function sourceFiles(root: string, { folder, except }: CoverageRule): string[] {
  return [...new Bun.Glob('**/*.ts').scanSync({ cwd: join(root, folder) })]
    .map((file) => `${folder}/${file}`)
    .filter((file) => !file.endsWith('.test.ts') && !except.test(file) && !isTypesOnly(join(root, file)));
}

/** Returns whether a file contains only types, so that no line of it can run. */
function isTypesOnly(path: string): boolean {
  return new Bun.Transpiler({ loader: 'ts' }).transformSync(readFileSync(path, 'utf8')).trim() === '';
}

/** Returns 0 hits for every line that is not blank. */
const missedLines = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(() => 0);

/** Returns the hits of each line by file, the maximum over all reports. */
function readReports(paths: readonly string[]): Map<string, Map<number, number>> {
  const files = new Map<string, Map<number, number>>();
  for (const path of paths.filter(existsSync)) {
    let lines = new Map<number, number>();
    for (const text of readFileSync(path, 'utf8').split('\n')) {
      if (text.startsWith('SF:')) {
        const file = text.slice(3);
        lines = files.get(file) ?? new Map<number, number>();
        files.set(file, lines);
      } else if (text.startsWith('DA:')) {
        const [line = 0, count = 0] = text.slice(3).split(',').map(Number);
        lines.set(line, Math.max(lines.get(line) ?? 0, count));
      }
    }
  }
  return files;
}
