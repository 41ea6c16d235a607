import type { Registry } from '../telemetry/index.ts';

export interface AdminServer extends AsyncDisposable {
  readonly port: number;
}

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: Registry;
  /** Undefined: ready for callers. Else one sentence that says why not. */
  readonly notReady: () => Promise<string | undefined>;
}

/** Serves `/metrics`, `/healthz` (the process lives) and `/readyz` (it can serve callers; 503 with the reason if not). */
export function startAdmin({ host, port, metrics, notReady }: AdminOptions): AdminServer {
  const server = Bun.serve({
    hostname: host,
    port,
    routes: {
      '/healthz': new Response('ok\n'),
      '/readyz': async () => {
        const reason = await notReady();
        return reason === undefined ? new Response('ok\n') : new Response(`${reason}\n`, { status: 503 });
      },
      '/metrics': async () =>
        new Response(await metrics.metrics(), { headers: { 'content-type': metrics.contentType } }),
    },
    fetch: () => new Response('not found: try /metrics, /healthz or /readyz\n', { status: 404 }),
  });
  return {
    port: server.port ?? port,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
