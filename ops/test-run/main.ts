import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

import { type Command, UsageError, runCommand } from '@tally/platform/command-line';
import { readConfig } from '@tally/platform/config';

import { SERVICE_PACKAGES, WORKSPACES } from '../workspaces.ts';
import { readTestRunConfig } from './config.ts';
import { type CoverageRule, judgeCoverage } from './coverage.ts';
import { type Totals, addTotals, isEmpty, readJunit } from './junit.ts';

/*
  Runs the tests and ends with `N passed, N failed`. Unit tests lie next to what they test. Integration tests lie in
  folders named `test`, and start the servers that they need.
*/

const ROOT = resolve(import.meta.dir, '../..');
type Mode = 'all' | 'unit' | 'integration';

/** Minimum share of covered lines, in percent, counted over every source file of a folder. */
const UNIT_RULES: readonly CoverageRule[] = ['cart', 'loms'].map((name) => ({
  name: `${name}, by unit tests`,
  folder: `${name}/src`,
  except: /\/gen\/|\/main\.ts$|\/testing\/|postgres/,
  minPercent: 70,
}));
const ALL_RULES: readonly CoverageRule[] = [...SERVICE_PACKAGES, 'platform'].map((name) => ({
  name: `${name}, by all tests`,
  folder: `${name}/src`,
  except: /\/gen\//,
  minPercent: 90,
}));

const [mode = 'all', ...args] = process.argv.slice(2);

const command: Command = {
  name: mode === 'all' ? 'test' : `test-${mode}`,
  purpose: "runs the tests and ends with 'N passed, N failed'.",
  operands: [
    {
      name: 'PATH',
      isRequired: false,
      takesRest: true,
      meaning: 'folders and test files of this checkout, such as loms or ops/test-run/junit.test.ts; all by default',
    },
  ],
  notes: [
    'just test runs all tests, just test-unit those that need no server, just test-integration the others, which start',
    'servers of their own. A test is skipped if this machine lacks a program that it needs; its line says which. With',
    'CI=true a skipped test counts as failed. Coverage is judged only when all tests ran and none was skipped.',
  ],
  run: (given) => main(mode as Mode, given.operand('PATH')?.split(' ') ?? []),
};

await runCommand(command, args);

async function main(wanted: Mode, paths: readonly string[]): Promise<number> {
  const unknown = paths.find((path) => !existsSync(join(ROOT, path)));
  if (unknown !== undefined) throw new UsageError(`there is no '${unknown}' in this checkout.`);
  const files = await findTestFiles(paths);
  const parts = [
    { name: 'unit', files: files.filter((file) => !isIntegration(file)), preload: ['./ops/test-run/no-sockets.ts'] },
    { name: 'integration', files: files.filter(isIntegration), preload: [] },
  ].filter((part) => part.files.length > 0 && (wanted === 'all' || wanted === part.name));
  if (parts.length === 0) {
    console.error(`test: there is no ${wanted === 'all' ? '' : `${wanted} `}test in ${paths.join(', ')}`);
    return 1;
  }
  const reports = mkdtempSync(join(tmpdir(), 'tally-tests-'));
  try {
    let totals: Totals = { passed: 0, failed: 0, skipped: [] };
    let isBroken = false;
    for (const part of parts) {
      const code = await runBunTest(part, join(reports, part.name));
      const counted = readJunit(join(reports, part.name, 'junit.xml'));
      // A process that fails without a failed test has crashed, or a hook or an import in it failed. A process that
      // reports no test at all ended before it wrote its report.
      isBroken ||= (code !== 0 && counted.failed === 0) || isEmpty(counted);
      totals = addTotals(totals, counted);
    }
    const isCovered = paths.length > 0 || wanted !== 'all' || reportCoverage(reports, totals.skipped.length);
    return conclude(totals, isCovered, isBroken);
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

function isIntegration(file: string): boolean {
  return file.includes('/test/');
}

async function findTestFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths.length === 0 ? WORKSPACES : paths) {
    const full = join(ROOT, path);
    if (statSync(full).isFile()) {
      if (path.endsWith('.test.ts')) files.push(path);
    } else
      for await (const file of new Bun.Glob('**/*.test.ts').scan({ cwd: full }))
        files.push(relative(ROOT, join(full, file)));
  }
  return files.filter((file) => !file.includes('node_modules')).toSorted();
}

async function runBunTest(
  { name, files, preload }: { name: string; files: readonly string[]; preload: readonly string[] },
  report: string,
): Promise<number> {
  console.log(`${name} tests: ${files.length} files`);
  const child = Bun.spawn(
    [
      process.execPath,
      'test',
      ...preload.flatMap((path) => ['--preload', path]),
      '--timeout=30000',
      '--reporter=junit',
      `--reporter-outfile=${join(report, 'junit.xml')}`,
      '--coverage',
      '--coverage-reporter=lcov',
      `--coverage-dir=${report}`,
      ...files.map((file) => `./${file}`),
    ],
    { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, FORCE_COLOR: '0' } },
  );
  const stop = () => child.kill('SIGTERM');
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const code = await child.exited;
  process.off('SIGINT', stop).off('SIGTERM', stop);
  return code;
}

/**
 * Prints the coverage and returns whether it is enough. If tests were skipped, returns true, because they would have
 * covered more.
 */
function reportCoverage(reports: string, skippedCount: number): boolean {
  const lcov = (part: string) => join(reports, part, 'lcov.info');
  const verdicts = [
    ...judgeCoverage(ROOT, [lcov('unit')], UNIT_RULES),
    ...judgeCoverage(ROOT, [lcov('unit'), lcov('integration')], ALL_RULES),
  ];
  for (const { name, percent, minPercent, isEnough } of verdicts) {
    const verdict = isEnough ? 'enough' : 'TOO LITTLE';
    console.log(`line coverage of ${name}: ${percent.toFixed(1)} % (${verdict}: at least ${minPercent} %)`);
  }
  if (skippedCount === 0) return verdicts.every(({ isEnough }) => isEnough);
  console.log('coverage is reported and not judged, because tests were skipped');
  return true;
}

function conclude({ passed, failed, skipped }: Totals, isCovered: boolean, isBroken: boolean): number {
  for (const name of skipped) console.log(`skipped: ${name}`);
  const isSkipFatal = readConfig(process.env, readTestRunConfig).isSkipFatal && skipped.length > 0;
  if (isSkipFatal) console.log('with CI=true no test may be skipped');
  if (isBroken) console.log('a test process failed outside of its tests: see above');
  // Other faults count as failed tests, so that the last line agrees with the exit code.
  const faults = failed + Number(isBroken) + Number(!isCovered) + (isSkipFatal ? skipped.length : 0);
  console.log(`\n${passed} passed, ${faults} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
  return faults === 0 ? 0 : 1;
}
