import { prepareKafka } from '@tally/platform/embedded';

import { prepareDatabases } from '../parts/databases.ts';
import { brokerNames, openKafka } from '../parts/kafka.ts';
import { preparePgbouncer } from '../parts/pgbouncer.ts';
import { createPostgresData, openPostgresServers } from '../parts/postgres.ts';
import { findPrometheus } from '../parts/prometheus.ts';
import { prepareRedis } from '../parts/redis.ts';
import { checkVariables } from '../plan/check-variables.ts';
import type { Plan } from '../plan/plan.ts';
import { SHAPES, type ShapeName, readShapeName, rememberShape, requireSameShape } from '../plan/shape.ts';
import { planSystem } from '../plan/system.ts';
import { type State, toLauncherDeps } from '../state.ts';
import { bringUp, lockState } from './launcher.ts';

/**
 * Brings the system up, whatever state it is in, and returns its plan. If no shape is asked for, it is that of the
 * state folder, or `light` in a new folder. `write` gets the lines that tell what is done.
 */
export async function raiseSystem(
  state: State,
  asked: ShapeName | undefined,
  write: (text: string) => void,
): Promise<Plan> {
  const { config, files } = state;
  const { root, stateDir } = config;
  const deps = toLauncherDeps(state, write);
  const { steps } = deps;
  using _lock = await lockState(deps, 'just up');
  const name = asked ?? readShapeName(files) ?? 'light';
  requireSameShape(files, stateDir, name);
  const shape = SHAPES[name];
  const kafka = shape.brokers > 0 ? await openKafka(config, shape, steps) : undefined;
  const pgbouncer = shape.hasBouncers ? await preparePgbouncer(config, steps) : undefined;
  const redis = shape.redis.length > 0 ? await prepareRedis(config, steps) : undefined;
  const prometheus = shape.hasPrometheus ? findPrometheus(config.env, steps) : undefined;
  const servers = openPostgresServers(config, shape);
  const plan = planSystem(config, { shape, servers, kafka, redis, pgbouncer, prometheus });
  checkVariables(plan, config);
  rememberShape(files, name);
  await bringUp(deps, plan, {
    servers: [...servers.map((server) => server.name), ...brokerNames(shape)],
    async create() {
      await Promise.all(servers.map((server) => createPostgresData(server, stateDir)));
      if (kafka !== undefined) await prepareKafka(kafka);
    },
    migrate: () => prepareDatabases(root, servers, steps),
  });
  return plan;
}
