import type { DescMethodUnary } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

import { AppError } from '../errors/index.ts';
import type { Log, Registry, Tracer } from '../telemetry/index.ts';
import {
  type BoundService,
  type Call,
  type Handler,
  type Interceptor,
  Malformed,
  pathOf,
  unaryMethods,
} from './handler.ts';
import { addReflection } from './server-reflection.ts';
import { errors } from './server-errors.ts';
import { logCalls } from './server-log.ts';
import { mendStatus } from './server-mend.ts';
import { metrics } from './server-metrics.ts';
import { trace } from './server-trace.ts';
import { validate } from './server-validate.ts';
import { toStatus, toTrailers } from './status.ts';

export interface GrpcServerOptions {
  /** Named as the decider in refusals, as google.rpc.ErrorInfo's domain. */
  readonly name: string;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly services: readonly BoundService[];
  readonly log: Log;
  readonly metrics: Registry;
  readonly tracer: Tracer;
  /** How long calls in flight may run on once the server stops. */
  readonly drainMs: number;
  readonly defaultDeadlineMs?: number;
  /** A caller's deadline counts up to here. */
  readonly maxDeadlineMs?: number;
  readonly maxRequestBytes?: number;
}

export interface GrpcServer extends AsyncDisposable {
  readonly port: number;
}

const DEFAULT_DEADLINE_MS = 5_000;
const MAX_DEADLINE_MS = 30_000;
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const MAX_STREAMS_PER_CONNECTION = 1_000;

/**
 * Serves gRPC with tracing, metrics, log, error mapping, validation, deadlines, health and reflection.
 *
 * Disposing it refuses new calls, lets those in flight end for at most `drainMs`, then cuts them off.
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': options.maxRequestBytes ?? MAX_REQUEST_BYTES,
    'grpc.max_concurrent_streams': MAX_STREAMS_PER_CONNECTION,
    interceptors: [mendStatus(options.name)],
  });
  const interceptors = [
    trace(options.tracer),
    metrics(options.metrics),
    logCalls(options.log),
    errors(options.log, Date.now),
    validate(),
  ];
  const health = new HealthImplementation({ '': 'SERVING' });
  for (const service of options.services) {
    addService(server, service, interceptors, options);
    health.setStatus(service.desc.typeName, 'SERVING');
  }
  health.addToServer(server);
  addReflection(server, options.services);

  const port = await listen(server, options.host, options.port);
  return {
    port,
    async [Symbol.asyncDispose]() {
      health.setStatus('', 'NOT_SERVING');
      for (const service of options.services) health.setStatus(service.desc.typeName, 'NOT_SERVING');
      await shutDown(server, options.drainMs);
    },
  };
}

/** The handlers of a service, each behind the interceptors; the first is the outermost. */
export function intercept(service: BoundService, interceptors: readonly Interceptor[]): Map<DescMethodUnary, Handler> {
  const wrapped = new Map<DescMethodUnary, Handler>();
  for (const method of unaryMethods(service.desc)) {
    const handler = service.handlers.get(method.localName);
    if (handler === undefined) throw new Error(`${pathOf(method)} is not implemented`);
    wrapped.set(
      method,
      interceptors.reduceRight((next, interceptor) => interceptor(next, method), handler),
    );
  }
  return wrapped;
}

function addService(
  server: grpc.Server,
  service: BoundService,
  interceptors: readonly Interceptor[],
  options: GrpcServerOptions,
): void {
  const definition: Record<string, grpc.MethodDefinition<unknown, any>> = {};
  const implementation: Record<string, grpc.handleUnaryCall<unknown, any>> = {};
  for (const [method, handler] of intercept(service, interceptors)) {
    definition[method.name] = {
      path: pathOf(method),
      requestStream: false,
      responseStream: false,
      requestSerialize: (message: any) => toBuffer(toBinary(method.input, message)),
      requestDeserialize: (bytes) => decode(method, bytes),
      responseSerialize: (message) => toBuffer(toBinary(method.output, create(method.output, message))),
      responseDeserialize: (bytes) => fromBinary(method.output, bytes),
    };
    implementation[method.name] = toUnaryHandler(handler, options);
  }
  server.addService(definition, implementation);
}

function decode(method: DescMethodUnary, bytes: Buffer): unknown {
  try {
    return fromBinary(method.input, bytes);
  } catch (error) {
    return new Malformed(error);
  }
}

/** No copy: the message's bytes are not written to again. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function toUnaryHandler(handler: Handler, options: GrpcServerOptions): grpc.handleUnaryCall<unknown, unknown> {
  const maxMs = options.maxDeadlineMs ?? MAX_DEADLINE_MS;
  const defaultMs = options.defaultDeadlineMs ?? DEFAULT_DEADLINE_MS;
  return (incoming, respond) => {
    const nowMs = Date.now();
    const asked = Number(incoming.getDeadline());
    const deadlineMs = Number.isFinite(asked) ? Math.min(asked, nowMs + maxMs) : nowMs + defaultMs;
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), Math.max(0, deadlineMs - nowMs));
    // Comes after every call, also behind an answer.
    incoming.on('cancelled', () => controller.abort());
    const call: Call = {
      signal: controller.signal,
      deadlineMs,
      header: (name) => incoming.metadata.get(name)[0]?.toString(),
    };
    // The chain's outermost parts are synchronous: what they throw must become a rejection.
    const answer = async () => handler(incoming.request, call);
    answer()
      .then(
        (response) => respond(null, response),
        (error: unknown) => respond(toFailure(error, options.name)),
      )
      // An error that cannot be told, such as a retry in NaN ms, must not end the process.
      .catch(() => respond(INTERNAL))
      .finally(() => clearTimeout(timer));
  };
}

const INTERNAL = { code: grpc.status.INTERNAL, details: 'internal error' };

function toFailure(error: unknown, name: string): Partial<grpc.StatusObject> {
  if (!(error instanceof AppError)) return INTERNAL;
  const status = toStatus(error, name);
  return { code: status.code, details: status.message, metadata: toTrailers(status) };
}

function listen(server: grpc.Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else {
        const message = `cannot listen on ${host}:${port}: is another program using that port? (${error.message})`;
        reject(new AppError('unavailable', message, { cause: error }));
      }
    });
  });
}

function shutDown(server: grpc.Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, drainMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
