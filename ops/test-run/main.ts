import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

import { type CoverageRule, judgeCoverage } from './coverage.ts';
import { type Totals, addTotals, readJunit } from './junit.ts';

/*
  Runs the tests and ends with `N passed, N failed`. Unit tests lie beside what they test; integration tests lie in folders
  named `test`, and start the servers that they need.
*/

const ROOT = resolve(import.meta.dir, '../..');
const MODES = ['all', 'unit', 'integration'] as const;
type Mode = (typeof MODES)[number];

/** At least this share of lines, in percent, counted over every source file of the folder. */
const UNIT_RULES: readonly CoverageRule[] = ['cart', 'loms'].map((name) => ({
  name: `${name}, by unit tests`,
  folder: `${name}/src`,
  except: /\/gen\/|\/main\.ts$|postgres/,
  minPercent: 70,
}));
const ALL_RULES: readonly CoverageRule[] = ['cart', 'loms', 'notifier', 'platform'].map((name) => ({
  name: `${name}, by all tests`,
  folder: `${name}/src`,
  except: /\/gen\//,
  minPercent: 90,
}));

const HELP = `just test [PATH …]: runs the tests, all or those of folders and files, and ends with 'N passed, N failed'.

  PATH        a folder or a test file of this checkout: loms, loms/src/batch/batcher.test.ts
  -h, --help  this text

just test-unit runs those that need no server, just test-integration the others, which start servers of their own. With
CI=true a skipped test counts as failed.`;

const [mode, ...args] = process.argv.slice(2);
if (args.some((arg) => arg === '--help' || arg === '-h')) {
  console.log(HELP);
  process.exit(0);
}
process.exit(await main(mode as Mode, args));

async function main(wanted: Mode, paths: readonly string[]): Promise<number> {
  const unknown = paths.find((path) => !existsSync(join(ROOT, path)));
  if (!MODES.includes(wanted) || unknown !== undefined) {
    console.error(
      unknown?.startsWith('-')
        ? `test: unknown option '${unknown}'; it takes folders and files of this checkout, such as: loms, loms/src/batch/batcher.test.ts. See just test --help.`
        : `test: there is no '${unknown}' in this checkout; it takes folders and files, such as: loms, loms/src/batch/batcher.test.ts`,
    );
    return 2;
  }
  const files = await testFiles(paths);
  const parts = [
    { name: 'unit', files: files.filter((file) => !isIntegration(file)), preload: ['./ops/test-run/no-sockets.ts'] },
    { name: 'integration', files: files.filter(isIntegration), preload: [] },
  ].filter((part) => part.files.length > 0 && (wanted === 'all' || wanted === part.name));
  if (parts.length === 0) {
    console.error(`test: no ${wanted === 'all' ? '' : `${wanted} `}test in ${paths.join(', ')}`);
    return 1;
  }
  const reports = mkdtempSync(join(tmpdir(), 'tally-tests-'));
  try {
    let totals: Totals = { passed: 0, failed: 0, skipped: [] };
    let isBroken = false;
    for (const part of parts) {
      const code = await runBunTest(part, join(reports, part.name));
      const counted = readJunit(join(reports, part.name, 'junit.xml'));
      // A test process that ends badly without a failed test crashed, or a hook or import failed.
      isBroken ||= code !== 0 && counted.failed === 0;
      totals = addTotals(totals, counted);
    }
    const isCovered = paths.length > 0 || wanted !== 'all' || judgeAll(reports);
    return conclude(totals, isCovered, isBroken);
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

function isIntegration(file: string): boolean {
  return file.includes('/test/');
}

async function testFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths.length === 0 ? ['proto', 'platform', 'cart', 'loms', 'notifier', 'ops'] : paths) {
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

function judgeAll(reports: string): boolean {
  const lcov = (part: string) => join(reports, part, 'lcov.info');
  const unit = judgeCoverage(ROOT, [lcov('unit')], UNIT_RULES);
  const all = judgeCoverage(ROOT, [lcov('unit'), lcov('integration')], ALL_RULES);
  for (const verdict of [...unit, ...all]) {
    const { name, percent, minPercent, isEnough } = verdict;
    console.log(
      `line coverage of ${name}: ${percent.toFixed(1)} % (${isEnough ? 'enough' : 'TOO LITTLE'}: at least ${minPercent} %)`,
    );
  }
  return [...unit, ...all].every(({ isEnough }) => isEnough);
}

function conclude({ passed, failed, skipped }: Totals, isCovered: boolean, isBroken: boolean): number {
  for (const name of skipped) console.log(`skipped: ${name}`);
  const isSkipFatal = process.env['CI'] === 'true' && skipped.length > 0;
  if (isSkipFatal) console.log('with CI=true nothing may be skipped');
  if (isBroken) console.log('a test process ended badly outside of its tests: see above');
  // What is no single test still counts, so that the last line never says less than the exit code.
  const faults = failed + Number(isBroken) + Number(!isCovered) + (isSkipFatal ? skipped.length : 0);
  console.log(`\n${passed} passed, ${faults} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
  return faults === 0 ? 0 : 1;
}
