// Loaded before a program of ops (`bun --preload`): its environment then says where the running system is, as it does for
// the services. What the caller has set stays.
import { ConfigError } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import { CHECKOUT, readLocalConfig } from './config.ts';
import { inWords } from './machine/just-call.ts';
import { readPlan, requireOwn, toRunFiles } from './run/run-files.ts';
import { createServers } from './parts/servers.ts';
import { DATABASES, type DatabaseName, SHAPES, readShape } from './plan/shape.ts';

try {
  setAddresses();
} catch (error) {
  if (!(error instanceof AppError || error instanceof ConfigError)) throw error;
  console.error(error.message);
  // A command whose own codes mean something else says which one means that nothing was looked at.
  process.exit(Number(process.env['TALLY_NOT_UP_EXIT_CODE'] ?? 1));
}

function setAddresses(): void {
  const config = readLocalConfig(process.env, CHECKOUT);
  const files = toRunFiles(config.stateDir);
  requireOwn(files.run);
  const servers = createServers(config, readShape(files) ?? SHAPES.light);
  if (!servers.postgres.isRunning()) {
    const asksForHelp = process.argv.some((arg) => arg === '--help' || arg === '-h' || arg === '--version');
    // Somebody who names a database may mean another system.
    const isGiven = DATABASES.some((name) => process.env[variableOf(name)] !== undefined);
    if (asksForHelp || isGiven) return;
    throw new AppError('failed-precondition', `Tally is not up: ${inWords('up')} starts it.`);
  }
  // Straight to the databases: what ops does need not pass a bouncer.
  for (const name of DATABASES) {
    const url = servers.postgres.find(name);
    if (url !== undefined) process.env[variableOf(name)] ??= url;
    else if (process.env[variableOf(name)] === undefined) {
      process.env['KAFKA_BROKERS'] ??= servers.kafka.addresses().join(',');
    }
  }
  for (const { variable, port } of readPlan(files)?.processes.flatMap(({ ports }) => ports) ?? []) {
    process.env[variable] ??= String(port);
  }
}

function variableOf(name: DatabaseName): string {
  return `${name.toUpperCase()}_DATABASE_URL`;
}
