import { readConfig } from '@tally/platform/config';
import { type ClientOf, openGrpcClient } from '@tally/platform/grpc';
import type { RunningService } from '@tally/platform/lifecycle';
import { openTracing } from '@tally/platform/telemetry';
import { Loms } from '@tally/proto/loms';

import { start } from '../src/app.ts';
import { type LomsConfig, readLomsConfig } from '../src/config.ts';
import { PAYMENT_TIMEOUT_MS } from '../src/testing/fixtures.ts';

export interface TestLoms extends AsyncDisposable {
  readonly running: RunningService;
  readonly address: string;
  readonly client: ClientOf<typeof Loms>;
}

/** Starts the real service on free ports, and opens a client of it. */
export async function openLoms(
  urls: { databaseUrl: string; logUrl: string },
  more: Partial<LomsConfig> = {},
): Promise<TestLoms> {
  const env = {
    TALLY_MODE: 'development',
    LOMS_GRPC_PORT: '0',
    LOMS_ADMIN_PORT: '0',
    LOMS_DATABASE_URL: urls.databaseUrl,
    LOG_DATABASE_URL: urls.logUrl,
  };
  const running = await start({
    ...readConfig(env, readLomsConfig),
    databaseConnections: 6,
    logLevel: 'silent',
    drainMs: 2000,
    paymentTimeoutMs: PAYMENT_TIMEOUT_MS,
    expiryIntervalMs: 50,
    relayIntervalMs: 50,
    ...more,
  });
  const address = `127.0.0.1:${running.grpcPort}`;
  const client = openGrpcClient(Loms, { addresses: [address], tracer: openTracing('test').tracer });
  return {
    running,
    address,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await running[Symbol.asyncDispose]();
    },
  };
}
