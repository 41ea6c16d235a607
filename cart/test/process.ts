import { join } from 'node:path';

import { openGrpcClient } from '@tally/platform/grpc';
import { openTracing } from '@tally/platform/telemetry';
import { freePort } from '@tally/platform/embedded';
import { outcomeOf, waitUntil } from '@tally/platform/testing';
import { Cart } from '@tally/proto/cart';

import { type Neighbours, within } from './service.ts';

const SRC = join(import.meta.dir, '../src');

/** Runs a program of cart, with nothing in its environment but this. */
export function run(
  program: 'main.ts' | 'checkout/main.ts',
  env: Record<string, string>,
  args: readonly string[] = [],
) {
  const child = Bun.spawn([process.execPath, join(SRC, program), ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const said = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { child, said: said.then(([out, err]) => out + err) };
}

/** The service as a process of its own, to be killed. */
export async function startProcess({ databaseUrl, loms, products }: Neighbours) {
  const port = freePort();
  const { child, said } = run('main.ts', {
    TALLY_MODE: 'development',
    CART_GRPC_PORT: String(port),
    CART_ADMIN_PORT: '0',
    CART_DATABASE_URL: databaseUrl,
    LOMS_ADDRESS: loms.address,
    PRODUCT_ADDRESS: products.address,
    PRODUCT_TOKEN: 'testtoken',
    CART_RESUME_INTERVAL_MS: '50',
  });
  const client = openGrpcClient(Cart, { addresses: [`127.0.0.1:${port}`], tracer: openTracing('test').tracer });
  await waitUntil(async () => (await outcomeOf(client.list({ user: 1n }, within(1000)))) === 'OK', {
    what: 'it is up',
  });
  return {
    client,
    said,
    async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
      child.kill(signal);
      return child.exited;
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}
