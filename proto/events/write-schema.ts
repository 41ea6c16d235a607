import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import schema from './order-event.schema.json' with { type: 'json' };
import { ORDER_STATUSES } from './order-status.ts';

/*
  Writes the statuses of an order into the schema of an event's value. `just gen` runs it. An argument names another
  folder to write the file into; the gate compares that one with the file in the checkout.
*/

const ROOT = resolve(import.meta.dir, '../..');
const FOLDER = join(resolve(process.argv[2] ?? ROOT), 'proto/events');

schema.properties.status.enum = [...ORDER_STATUSES];
mkdirSync(FOLDER, { recursive: true });
writeFileSync(join(FOLDER, 'order-event.schema.json'), `${JSON.stringify(schema, null, 2)}\n`);
