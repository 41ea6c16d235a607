import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';

import { readCheckoutCommandConfig } from '@tally/cart/checkout-config';
import { readOutboxConfig } from '@tally/loms/outbox-config';
import { type ConfigReader, type Variable, listVariables } from '@tally/platform/config';
import { readTestVariables } from '@tally/platform/testing';
import { readMigrateConfig, readPrepareConfig } from '@tally/sql/config';

import { readLocalVariables } from '../local/config.ts';
import { SERVICES, SERVICE_NAMES } from '../services.ts';
import { readSmokeConfig } from '../smoke/config.ts';
import { readStockConfig } from '../stock/config.ts';
import { readTestRunConfig } from '../test-run/config.ts';
import { readTopicsConfig } from '../topics/config.ts';
import { readDatabaseUrls } from '../verify/databases.ts';

/*
  Writes the table of every environment variable into docs/running.md, between the two markers. `just gen` runs it.
  An argument names another folder to write the file into; the gate compares that one with the file in the checkout.
*/

const ROOT = resolve(import.meta.dir, '../..');
const FILE = 'docs/running.md';
const BEGIN = '<!-- begin of the generated table of environment variables: just gen -->';
const END = '<!-- end of the generated table -->';

/** Every program that reads environment variables, by the name that the table gives it. */
const PROGRAMS: Readonly<Record<string, (reader: ConfigReader) => unknown>> = {
  ...Object.fromEntries(SERVICE_NAMES.toSorted().map((name) => [name, SERVICES[name].readConfig])),
  launcher: (reader) => readLocalVariables(reader, {}, ROOT),
  'just migrate': readMigrateConfig,
  'sql/prepare.ts': readPrepareConfig,
  'ops/topics': readTopicsConfig,
  'just stock': readStockConfig,
  'just verify': readDatabaseUrls,
  'just smoke': readSmokeConfig,
  'just checkout': readCheckoutCommandConfig,
  'just outbox': readOutboxConfig,
  'just test': readTestRunConfig,
  tests: readTestVariables,
};

const into = resolve(process.argv[2] ?? ROOT);
mkdirSync(join(into, FILE, '..'), { recursive: true });
writeFileSync(join(into, FILE), withTable(readFileSync(join(ROOT, FILE), 'utf8'), toTable(listRows())));

interface Row extends Variable {
  readonly programs: readonly string[];
}

/** Returns a row for each variable. Programs that read it with another default, bound or meaning have another row. */
function listRows(): Row[] {
  const rows = new Map<string, Row>();
  for (const [program, read] of Object.entries(PROGRAMS)) {
    for (const variable of listVariables(read)) {
      const { isRequired: _, ...described } = variable;
      const key = JSON.stringify({ ...described, fallback: variable.fallback ?? null });
      const programs = new Set([...(rows.get(key)?.programs ?? []), program]);
      rows.set(key, { ...variable, programs: [...programs] });
    }
  }
  return [...rows.values()].toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

function toTable(rows: readonly Row[]): string {
  const cells = rows.map(({ name, programs, fallback, isRequired, type, bounds, unit, meaning }) => [
    `\`${name}\``,
    programs.join(', '),
    fallback === undefined ? (isRequired ? 'must be set' : 'none') : `\`${portable(name, fallback)}\``,
    bounds === undefined ? type : `${type}: ${bounds}`,
    unit ?? '',
    meaning,
  ]);
  const header = ['Variable', 'Read by', 'Default', 'Values', 'Unit', 'Meaning'];
  return [header, header.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** Returns a default without what differs between machines: the folder of the checkout and the name of the host. */
function portable(name: string, fallback: string): string {
  const path = fallback.replace(`${ROOT}/`, '');
  return name.endsWith('_INSTANCE') ? path.replace(`-${hostname()}-`, '-HOSTNAME-') : path;
}

function withTable(text: string, table: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`${FILE} lacks the markers '${BEGIN}' and '${END}'`);
  return `${text.slice(0, from + BEGIN.length)}\n\n${table}\n\n${text.slice(to)}`;
}
