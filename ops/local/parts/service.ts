import { dirname, join } from 'node:path';

import { SERVICES, type ServiceName, type SystemAddresses, listPorts } from '@tally/ops/services.ts';

import type { LocalConfig } from '../config.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import { planPart } from './part.ts';

const HOST = '127.0.0.1';
const SHARED_CODE = ['platform/src', 'proto/gen', 'bun.lock'];
// Every service gets these variables, and those that begin with its own name.
const SHARED_VARIABLES = /^(TALLY_MODE|LOG_LEVEL|DRAIN_LIMIT_MS|OTEL_.+)$/;
// A variable of one instance (LOMS_2_GRPC_PORT) is read by the launcher, and reaches no service.
const INSTANCE_VARIABLES = /^[A-Z]+_\d+_/;
// After the drain, a service needs some time to close its connections.
const STOP_MARGIN_MS = 5_000;

/** Returns the numbers of a service's instances, which begin at 1. */
export function instancesOf(name: ServiceName, instances: number): number[] {
  return Array.from({ length: SERVICES[name].hasInstances ? instances : 1 }, (_, i) => i + 1);
}

/** Returns the name of an instance's process: `loms`, `loms-2`, and so on. */
export const toInstanceName = (name: ServiceName, instance: number) => (instance === 1 ? name : `${name}-${instance}`);

/** Returns the addresses at which the instances of a service answer gRPC, separated by commas. */
export function serviceAddresses(name: ServiceName, config: LocalConfig, instances: number): string {
  const ports = instancesOf(name, instances).flatMap((instance) => listPorts(name, instance));
  return ports
    .filter(({ kind }) => kind === 'GRPC')
    .map(({ variable }) => `${HOST}:${config.port(variable).port}`)
    .join(',');
}

/** Plans an instance of a service. `database` holds the variables that name its database. */
export function planService(
  name: ServiceName,
  instance: number,
  config: LocalConfig,
  system: SystemAddresses,
  database: Readonly<Record<string, string>>,
): PlannedProcess {
  const service = SERVICES[name];
  const ports = listPorts(name, instance).map(({ kind, variable }) => ({ kind, port: config.port(variable) }));
  const health = ports.find(({ kind }) => kind !== 'GRPC')!;
  const processName = toInstanceName(name, instance);
  return planPart(config, {
    name: processName,
    command: [process.execPath, '--no-env-file', service.main],
    code: [dirname(service.main), join(dirname(service.main), '../package.json'), ...SHARED_CODE],
    env: {
      TALLY_MODE: 'production',
      ...userVariables(name, config),
      TALLY_HOST: HOST,
      // The program reads its ports from the variables of the first instance, whichever instance it is.
      ...Object.fromEntries(listPorts(name).map(({ variable }, i) => [variable, String(ports[i]!.port.port)])),
      ...database,
      ...definedOnly(service.env(system, processName)),
    },
    ports: ports.map(({ port }) => port),
    readyUrl: `http://${HOST}:${health.port.port}/readyz`,
    stopLimitMs: config.drainMs + STOP_MARGIN_MS,
  });
}

function definedOnly(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

function userVariables(name: ServiceName, { env }: LocalConfig): Record<string, string> {
  const prefix = `${name.toUpperCase()}_`;
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      !INSTANCE_VARIABLES.test(entry[0]) &&
      (entry[0].startsWith(prefix) || SHARED_VARIABLES.test(entry[0])),
  );
  // They are sorted, because another order would change the fingerprint.
  return Object.fromEntries(passed.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
