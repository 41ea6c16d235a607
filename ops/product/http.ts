import { type DescMethodUnary, create, fromJson, toJson } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import { AppError, type ErrorKind } from '@tally/platform/errors';
import type { Call, Implementation } from '@tally/platform/grpc';
import { ProductService } from '@tally/proto/product';

import type { CallCounter } from './calls.ts';
import { toPage } from './page.ts';

export interface ProductHttpDeps {
  readonly rpc: Implementation<typeof ProductService>;
  readonly calls: CallCounter;
  readonly maxCallsPerSecond: number;
  /** Applies a change of behaviour and returns the behaviour that now applies. */
  readonly control: (change: unknown) => unknown;
}

const STATUS: Partial<Record<ErrorKind, number>> = {
  'invalid-argument': 400,
  unauthenticated: 401,
  'not-found': 404,
  'resource-exhausted': 429,
  unavailable: 503,
};
const TIMEOUT_MS = 5_000;

/**
 * Returns a handler that serves the rpcs of the stand-in as JSON over POST, and a page with the calls of the last
 * minute.
 */
export function createProductHttp(deps: ProductHttpDeps): (request: Request) => Promise<Response> {
  const validator = createValidator();

  async function answer(
    request: Request,
    method: DescMethodUnary,
    handler: (message: any, call: Call) => Promise<any>,
  ): Promise<unknown> {
    const message = toMessage(method, await readJson(request));
    const result = validator.validate(method.input, message);
    if (result.kind !== 'valid') throw new AppError('invalid-argument', result.error.message);
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const call: Call = {
      signal,
      deadlineMs: Date.now() + TIMEOUT_MS,
      header: (name) => request.headers.get(name) ?? undefined,
    };
    const response = create(method.output, await handler(message, call));
    return toJson(method.output, response, { alwaysEmitImplicit: true });
  }

  const routes: Record<string, (request: Request) => Promise<unknown>> = {
    'POST /get_product': (request) => answer(request, ProductService.method.getProduct, deps.rpc.getProduct),
    'POST /list_skus': (request) => answer(request, ProductService.method.listSkus, deps.rpc.listSkus),
    'POST /control': async (request) => deps.control(await readJson(request)),
    'GET /calls.json': async () => deps.calls.seconds(),
    'GET /readyz': async () => 'ok',
    'GET /healthz': async () => 'ok',
    'GET /': async () =>
      new Response(toPage(deps.calls.seconds(), deps.maxCallsPerSecond), {
        headers: { 'content-type': 'text/html; charset=utf-8' },
      }),
  };

  return async (request) => {
    const route = routes[`${request.method} ${new URL(request.url).pathname}`];
    if (route === undefined)
      return Response.json(
        { message: `there is no such path: try ${Object.keys(routes).join(', ')}` },
        { status: 404 },
      );
    try {
      const body = await route(request);
      return body instanceof Response ? body : Response.json(body);
    } catch (error) {
      if (error instanceof AppError)
        return Response.json({ message: error.message }, { status: STATUS[error.kind] ?? 500 });
      const isTimeout = error instanceof Error && error.name === 'TimeoutError';
      return Response.json({ message: isTimeout ? 'timed out' : 'internal error' }, { status: isTimeout ? 504 : 500 });
    }
  };
}

function toMessage(method: DescMethodUnary, json: any) {
  try {
    return fromJson(method.input, json, { ignoreUnknownFields: true });
  } catch (cause) {
    throw new AppError('invalid-argument', `the body is not a ${method.input.name}`, { cause });
  }
}

async function readJson(request: Request): Promise<any> {
  try {
    return await request.json();
  } catch (cause) {
    throw new AppError('invalid-argument', 'the body is not JSON', { cause });
  }
}
