import { systemClock } from '@tally/platform/concurrency';
import { readConfig } from '@tally/platform/config';
import { hopDeadline, openGrpcClient } from '@tally/platform/grpc';
import { openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { Loms } from '@tally/proto/loms';

import { closeByHand } from './checkout-close.ts';
import { createOrders } from './orders.ts';
import { createPostgresStore } from './store-postgres.ts';

const USAGE = `just checkout close ID REASON [--abandon]: the last resort for a checkout that stays open.

just verify names checkouts that stay open. This closes checkout ID with what loms says of it, and keeps REASON in cart's table audit.

  --abandon   closes it as refused even where loms cannot say: an order of it may exist all the same

CART_DATABASE_URL names the database, LOMS_ADDRESS where loms answers.`;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LIMIT_MS = 10_000;

async function main(args: readonly string[]): Promise<void> {
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    console.log(USAGE);
    return;
  }
  const isAbandoned = args.includes('--abandon');
  const [verb, id = '', ...words] = args.filter((arg) => arg !== '--abandon');
  if (verb !== 'close') throw new Error(`'${args.join(' ')}' is not one of its commands.\n\n${USAGE}`);
  if (!UUID.test(id)) throw new Error(`'${id}' is no checkout id: it is a UUID.\n\n${USAGE}`);
  if (words.length === 0) throw new Error(`the reason is missing.\n\n${USAGE}`);
  const config = readConfig(process.env, (reader) => ({
    url: reader.url('CART_DATABASE_URL', 'the database of cart', ['postgres', 'postgresql']),
    lomsAddresses: reader.addresses('LOMS_ADDRESS', 'where loms answers gRPC', '127.0.0.1:9083'),
  }));
  await using db = openDb({ url: config.url, applicationName: 'checkout close', maxConnections: 1 });
  await using loms = openGrpcClient(Loms, {
    addresses: config.lomsAddresses,
    tracer: openTracing('cart').tracer,
    interceptors: [hopDeadline(Date.now)],
  });
  const deps = {
    store: createPostgresStore({ db, clock: systemClock, random: Math.random }),
    orders: createOrders(loms),
    clock: systemClock,
    watch: { outcome: () => {}, alarm: (kind: string) => console.error(`attention: ${kind}`) },
  };
  const command = { checkoutId: id.toLowerCase(), why: words.join(' '), isAbandoned };
  const { state, orderId, refusal } = await closeByHand(deps, command, { deadlineMs: Date.now() + LIMIT_MS });
  console.log(`checkout ${id} is ${state}: ${refusal?.message ?? `order ${orderId}`}`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`checkout: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
