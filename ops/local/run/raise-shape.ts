import { checkVariables } from '../plan/check-variables.ts';
import type { LocalConfig } from '../config.ts';
import { bringUp } from './launcher.ts';
import type { LauncherDeps } from './launcher-deps.ts';
import { preparePgbouncer } from '../parts/pgbouncer.ts';
import type { Plan } from '../plan/plan.ts';
import { findPrometheus } from '../parts/prometheus.ts';
import { prepareRedis } from '../parts/redis.ts';
import { createServers } from '../parts/servers.ts';
import { SHAPES, type Shape, type ShapeName, rememberShape, requireSameShape } from '../plan/shape.ts';
import { planSystem } from '../plan/system.ts';

/** Makes the system of this shape run, whatever state it is in. The caller holds the lock. */
export async function raiseShape(deps: LauncherDeps, config: LocalConfig, name: ShapeName): Promise<Plan> {
  requireSameShape(deps.files, config.stateDir, name);
  const shape: Shape = SHAPES[name];
  const { postgres, kafka, all } = createServers(config, shape);
  if (shape.brokers > 0) await kafka.prepare(deps.steps);
  const pgbouncer = shape.hasBouncers ? await preparePgbouncer(config, deps.steps) : undefined;
  await postgres.prepare();
  const redis = shape.redis.length > 0 ? await prepareRedis(config, deps.steps) : undefined;
  const prometheus = shape.hasPrometheus ? findPrometheus(config.env, deps.steps) : undefined;
  const plan = planSystem(config, { shape, postgres, kafka, redis, pgbouncer, prometheus });
  checkVariables(plan, config);
  rememberShape(deps.files, name);
  await bringUp(deps, plan, all);
  return plan;
}
