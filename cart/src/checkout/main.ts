import { type Command, type CommandGroup, runCommand } from '@tally/platform/command-line';
import { systemClock } from '@tally/platform/concurrency';
import { readConfig } from '@tally/platform/config';
import { hopDeadline, openGrpcClient } from '@tally/platform/grpc';
import { openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { Loms } from '@tally/proto/loms';

import { createGrpcOrders } from '../orders/orders-grpc.ts';
import { createPostgresStore } from '../store/store-postgres.ts';
import { closeByHand } from './close-by-hand.ts';
import { readCheckoutCommandConfig } from './config.ts';

/** Maximum milliseconds for the whole command. */
const LIMIT_MS = 10_000;

const close: Command = {
  name: 'checkout close',
  purpose: "Closes a checkout with what loms says about it, and stores REASON in cart's table audit.",
  operands: [
    {
      name: 'ID',
      isRequired: true,
      meaning: 'the id of a checkout: a UUID, as just verify prints it',
      pattern: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
    },
    { name: 'REASON', isRequired: true, meaning: 'the reason, in words', takesRest: true },
  ],
  options: [
    {
      name: '--abandon',
      meaning:
        'close the checkout as refused even if loms does not say how it ended; its order may exist, or be made later',
    },
  ],
  run: async (given) => {
    const config = readConfig(process.env, readCheckoutCommandConfig);
    await using db = openDb({ url: config.databaseUrl, applicationName: 'checkout close', maxConnections: 1 });
    await using loms = openGrpcClient(Loms, {
      addresses: config.lomsAddresses,
      tracer: openTracing('cart').tracer,
      interceptors: [hopDeadline(Date.now)],
    });
    const deps = {
      store: createPostgresStore({ db, clock: systemClock, random: Math.random }),
      orders: createGrpcOrders(loms),
      clock: systemClock,
      watch: { outcome: () => {}, alarm: (kind: string) => console.error(`alarm: ${kind}`) },
    };
    const id = given.required('ID').toLowerCase();
    const command = { checkoutId: id, reason: given.required('REASON'), isAbandoned: given.has('--abandon') };
    const { state, orderId, refusal } = await closeByHand(deps, command, { deadlineMs: Date.now() + LIMIT_MS });
    console.log(`checkout ${id} is ${state}: ${refusal?.message ?? `order ${orderId}`}`);
    return 0;
  },
};

const group: CommandGroup = {
  name: 'checkout',
  purpose: 'The last resort for a checkout that stays open. just verify lists such checkouts.',
  commands: [close],
  notes: ['CART_DATABASE_URL names the database of cart, and LOMS_ADDRESS the address of loms.'],
};

await runCommand(group, process.argv.slice(2));
