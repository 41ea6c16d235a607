import { join } from 'node:path';

import { freePort } from '@tally/platform/embedded';
import { openGrpcClient } from '@tally/platform/grpc';
import { openTracing } from '@tally/platform/telemetry';
import { outcomeOf, waitUntil, withTimeout } from '@tally/platform/testing';
import { Cart } from '@tally/proto/cart';

import { type Connections, environmentOf } from './service.ts';

const SRC = join(import.meta.dir, '../src');

/** Runs a program of cart with this environment and nothing else. `output` resolves with stdout and stderr. */
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
  const texts = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { child, output: texts.then(([out, err]) => out + err) };
}

/** Starts the service in a process of its own, which a test can kill, and waits until it serves. */
export async function startProcess(connections: Connections) {
  const port = freePort();
  const { child } = run('main.ts', environmentOf(connections, port));
  const client = openGrpcClient(Cart, { addresses: [`127.0.0.1:${port}`], tracer: openTracing('test').tracer });
  await waitUntil(async () => (await outcomeOf(client.list({ user: 1n }, withTimeout(1000)))) === 'OK', {
    what: 'the process serves',
  });
  return {
    client,
    /** Sends the signal, and resolves with the exit code once the process has ended. */
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
