import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';

import { openDb } from '@tally/platform/postgres';

import type { DatabaseUrls } from '../verify/databases.ts';
import { verify } from '../verify/verify.ts';
import { type Dataset, PAYED, WITHOUT_CHECKOUT, openDataset } from './verify-dataset.ts';

const MAIN = join(import.meta.dir, '../verify/main.ts');

let dataset: Dataset;

beforeAll(async () => {
  // More orders than verify looks at without --full.
  dataset = await openDataset(5_000);
}, 60_000);

afterAll(async () => {
  await dataset[Symbol.asyncDispose]();
});

async function run(urls: Partial<DatabaseUrls>, ...args: string[]) {
  const env = Object.fromEntries(
    Object.entries(urls).map(([name, url]) => [`${name.toUpperCase()}_DATABASE_URL`, url]),
  );
  const child = Bun.spawn([process.execPath, MAIN, ...args], { env, stdout: 'pipe', stderr: 'pipe' });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, error };
}

const rowsOf = async (url: string, query: string) => {
  await using db = openDb({ url, applicationName: 'test', maxConnections: 1 });
  return (await db.query(query)).rows;
};

test('exits 0 when everything holds, and prints the figures in the last line', async () => {
  const { code, out } = await run(dataset.urls);
  expect(code).toBe(0);
  expect(out.trimEnd().split('\n').at(-1)).toMatch(
    /^verify: holds: \d+ invariants over 5,007 orders, .* notifications, 5,007 checkouts, 1,001 skus, in \d+\.\d s$/,
  );
}, 60_000);

test('exits 2 when something is late, and says what to do', async () => {
  await using late = await dataset.spoil(
    'loms',
    `update orders set pay_before = tally_now() - interval '30 minutes' where id = ${WITHOUT_CHECKOUT.id}`,
  );
  const { code, out } = await run(late.urls);
  expect(code).toBe(2);
  expect(out).toContain(`    order ${WITHOUT_CHECKOUT.id}: awaits payment; it had to be paid before`);
  expect(out).toContain('  what to do: check with just status that loms runs');
}, 60_000);

test('looks at open and recent orders, or at all of them with --full', async () => {
  await using old = await dataset.spoil(
    'notifier',
    `delete from notifications where order_id = ${PAYED.id} and version = 3`,
  );
  expect((await verify({ urls: old.urls })).seen.chosen).toBeLessThan(5_000);
  expect((await run(old.urls)).code).toBe(0);
  const full = await run(old.urls, '--full');
  expect(full.code).toBe(1);
  expect(full.out).toContain(
    `    order ${PAYED.id} version 3: payed was read (partition ${PAYED.partition}, offset ${PAYED.offsets[2]}), ` +
      'but there is no notification',
  );
  expect(full.out).toMatch(/^verify: violated: 1 of \d+ invariants \(read = recorded\);/m);
}, 60_000);

test('reports its progress', async () => {
  const steps: string[] = [];
  const { seen, totals } = await verify({
    urls: dataset.urls,
    full: true,
    onProgress: (soFar, all) =>
      void steps.push(`${soFar.orders} of ${all.orders}, ${soFar.checkouts} of ${all.checkouts}`),
  });
  expect(steps.length).toBeGreaterThan(4);
  expect(steps.at(-1)).toBe(`${seen.orders} of ${totals.orders}, ${seen.checkouts} of ${totals.checkouts}`);
  expect(seen.orders).toBe(totals.orders);
}, 60_000);

test('exits 3 and lists every URL that is missing or wrong', async () => {
  const { code, error } = await run({ ...dataset.urls, cart: '', log: 'http://localhost' });
  expect(code).toBe(3);
  expect(error).toContain('  - CART_DATABASE_URL is not set; expected a URL');
  expect(error).toContain('  - LOG_DATABASE_URL is malformed; expected a URL');
}, 60_000);

test('exits 3 and lists every database that cannot be read, without passwords', async () => {
  const wrong = Object.assign(new URL(dataset.urls.notifier), { password: 'secret' }).href;
  const urls = {
    cart: 'postgres://tally:secret@127.0.0.1:1/cart',
    loms: dataset.urls.log,
    notifier: wrong,
    log: dataset.urls.log,
  };
  const { code, error } = await run(urls);
  expect(code).toBe(3);
  expect(error).toContain('  - cart (127.0.0.1:1/cart): it does not answer');
  expect(error).toContain(
    '): there is no table order_events: is this the database of loms, and did its migrations run?',
  );
  expect(error).toContain('): password authentication failed for user "tally"');
  expect(error).not.toContain('secret');
}, 60_000);

test('exits 3 for unknown arguments and for options that are not valid together', async () => {
  for (const [args, message] of [
    [['--ful'], "unknown option '--ful'"],
    [['everything'], 'too many arguments'],
    [['--yes'], '--yes is only valid with --repair'],
    [['--reason', 'x'], '--reason is only valid with --repair --yes'],
    [['--repair', '--yes'], '--repair --yes needs --reason TEXT'],
  ] as const) {
    const { code, error } = await run(dataset.urls, ...args);
    expect(code).toBe(3);
    expect(error).toContain(message);
    expect(error).toContain('See just verify --help.');
  }
  const help = await run({}, '--help');
  expect([help.code, help.out.split('\n')[0]]).toEqual([0, 'Usage: just verify [options]']);
}, 60_000);

test('a repair shows what it would mend, and with --yes mends it and records the reason', async () => {
  await using spoiled = await dataset.spoil(
    'loms',
    `update stocks set total = total + 1, held = held + 2 where sku = 5;
     update stocks set reserved = reserved + 1 where sku = 6`,
  );
  const [before] = await rowsOf(dataset.urls.loms, 'select * from stocks where sku = 5');

  const shown = await run(spoiled.urls, '--repair');
  expect(shown.code).toBe(1);
  expect(shown.out).toContain(
    `repair: would mend sku 5: total ${before.total + 1n} → ${before.total}, ` +
      `held ${before.held + 2n} → ${before.held}, reserved ${before.reserved}\n`,
  );
  expect(shown.out).toContain('repair: to do it, add --yes --reason TEXT\n');
  expect(await rowsOf(spoiled.urls.loms, `select * from audit where action = 'repair counters'`)).toEqual([]);

  const done = await run(spoiled.urls, '--repair', '--yes', '--reason', 'a hand slipped');
  expect(done.code).toBe(0);
  expect(done.out).toContain('repair: mended sku 5: ');
  expect(done.out).toContain('repair: mended sku 6: ');
  const audit = await rowsOf(
    spoiled.urls.loms,
    `select action, subject, reason from audit where action = 'repair counters' order by id`,
  );
  expect(audit).toMatchObject([
    { action: 'repair counters', subject: expect.stringContaining('sku 5: total'), reason: 'a hand slipped' },
    { action: 'repair counters', subject: expect.stringContaining('sku 6: total'), reason: 'a hand slipped' },
  ]);
  const again = await run(spoiled.urls, '--repair', '--yes', '--reason', 'once more');
  expect(again.out).toContain('repair: nothing to mend, every counter is what the ledger says');
}, 60_000);

test('a repair leaves counters alone when the ledger does not agree with the orders or with itself', async () => {
  await using spoiled = await dataset.spoil(
    'loms',
    `-- The ledger was changed: it reserves more than is ordered.
     update stock_movements set reserved_delta = reserved_delta + 1 where order_id = 4999 and kind = 'reserve';
     -- The total of the ledger is below 0.
     insert into stock_movements values (8, null, 'adjust', -1000000, 0, 0, now())`,
  );
  const { code, out } = await run(spoiled.urls, '--repair', '--yes', '--reason', 'try');
  expect(code).toBe(1);
  expect(out).toContain('a movement or an order was changed');
  expect(out).toContain('repair: leaves sku 8: ');
  expect(out).toContain('the sums of the ledger are impossible');
  expect(await rowsOf(spoiled.urls.loms, `select * from audit where action = 'repair counters'`)).toEqual([]);
}, 60_000);
