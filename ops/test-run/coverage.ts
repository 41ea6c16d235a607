import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CoverageRule {
  readonly name: string;
  readonly folder: string;
  /** Files that do not count. */
  readonly except: RegExp;
  readonly minPercent: number;
}

export interface CoverageVerdict extends CoverageRule {
  readonly percent: number;
  readonly isEnough: boolean;
}

/**
 * Line coverage of folders over all their source files. Bun's report leaves out what no test imported: such a file counts
 * with every line that is not blank, all of them missed.
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
      const counts = [...(hits.get(file)?.values() ?? linesOf(join(root, file)))];
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

/** A file of types has no line that could run. */
function isTypesOnly(path: string): boolean {
  return new Bun.Transpiler({ loader: 'ts' }).transformSync(readFileSync(path, 'utf8')).trim() === '';
}

const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(() => 0);

/** By file and line, the most that any report counted. */
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
