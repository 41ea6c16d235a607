import type { Registry } from '../telemetry/index.ts';

/** The HTTP server of a service for its operators. Disposing it closes the port and its connections at once. */
interface AdminServer extends AsyncDisposable {
  readonly port: number;
}

/** The sources of the answers on the admin port. */
interface AdminOptions {
  readonly metrics: Registry;
  /** Resolves with the reason why the service cannot serve callers, or with undefined when it can. */
  readonly notReady: () => Promise<string | undefined>;
}

/**
 * Serves `/metrics`, `/healthz` (200 while the process lives) and `/readyz` (200 while the service can serve callers,
 * otherwise 503 with the reason). Port 0 lets the operating system choose one.
 */
export function startAdmin(host: string, port: number, options: AdminOptions): AdminServer {
  const server = Bun.serve({ hostname: host, port, fetch: (request) => answerAdmin(request, options) });
  return {
    port: server.port ?? port,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** Answers one request to the admin port. */
export async function answerAdmin(request: Request, { metrics, notReady }: AdminOptions): Promise<Response> {
  switch (new URL(request.url).pathname) {
    case '/healthz':
      return new Response('ok\n');
    case '/readyz': {
      const reason = await notReady();
      return reason === undefined ? new Response('ok\n') : new Response(`${reason}\n`, { status: 503 });
    }
    case '/metrics':
      return new Response(await metrics.metrics(), { headers: { 'content-type': metrics.contentType } });
    default:
      return new Response('not found: try /metrics, /healthz or /readyz\n', { status: 404 });
  }
}
