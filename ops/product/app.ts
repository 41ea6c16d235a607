import { systemClock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { bindService, startGrpcServer } from '@tally/platform/grpc';
import { openTelemetry } from '@tally/platform/lifecycle';
import { ProductService } from '@tally/proto/product';

import { type Second, createCallCounter } from './calls.ts';
import { readCatalogue } from './catalogue.ts';
import type { ProductConfig } from './config.ts';
import { type Behaviour, toBehaviour } from './faults.ts';
import { createProductHttp } from './http.ts';
import { createProductRpc } from './rpc.ts';

export interface RunningProduct extends AsyncDisposable {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Returns the calls of the last minutes, one entry for each second. */
  seconds(): Second[];
  /** Changes how the stand-in misbehaves. Returns the behaviour that now applies. */
  control(change: Partial<Behaviour>): Behaviour;
}

/** Starts a stand-in for the product service, which another team runs in production. */
export async function start(config: ProductConfig): Promise<RunningProduct> {
  await using stack = new AsyncDisposableStack();
  const telemetry = stack.use(openTelemetry({ name: 'product', logLevel: config.logLevel, otlpEndpoint: undefined }));
  const catalogue = readCatalogue(config.cataloguePath, config.generatedProducts);
  const calls = createCallCounter(Date.now, config.maxCallsPerSecond);
  let behaviour = config.behaviour;
  const control = (change: unknown) => (behaviour = toBehaviour(change, behaviour));
  const rpc = createProductRpc({
    catalogue,
    calls,
    clock: systemClock,
    random: Math.random,
    token: config.token,
    behaviour: () => behaviour,
  });
  const server = stack.use(
    await startGrpcServer({
      name: 'product',
      host: config.host,
      port: config.grpcPort,
      drainMs: config.drainMs,
      services: [bindService(ProductService, rpc)],
      ...telemetry,
    }),
  );
  const http = listen(config, createProductHttp({ rpc, calls, control, maxCallsPerSecond: config.maxCallsPerSecond }));
  stack.defer(() => http.stop(true));
  telemetry.log.info(
    { grpcPort: server.port, httpPort: http.port, products: catalogue.size },
    'the product stand-in is up',
  );
  const owned = stack.move();
  return {
    grpcPort: server.port,
    httpPort: http.port ?? config.httpPort,
    seconds: () => calls.seconds(),
    control,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function listen({ host, httpPort }: ProductConfig, fetch: (request: Request) => Promise<Response>) {
  try {
    return Bun.serve({ hostname: host, port: httpPort, fetch });
  } catch (cause) {
    const message = `cannot listen on ${host}:${httpPort}: is another program using that port?`;
    throw new AppError('unavailable', message, { cause });
  }
}
