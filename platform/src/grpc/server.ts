import type { DescMethodUnary } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

import { systemClock } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import type { Log, Registry, Tracer } from '../telemetry/index.ts';
import { type BoundService, type Handler, type Interceptor, Malformed, pathOf, unaryMethods } from './handler.ts';
import { toUnaryHandler } from './server-call.ts';
import { errors } from './server-errors.ts';
import { logCalls } from './server-log.ts';
import { mendStatus } from './server-mend.ts';
import { metrics } from './server-metrics.ts';
import { addReflection } from './server-reflection.ts';
import { trace } from './server-trace.ts';
import { validate } from './server-validate.ts';

/** Options of a server. */
export interface GrpcServerOptions {
  /** Name of this service, which refusals carry as the domain of google.rpc.ErrorInfo. */
  readonly name: string;
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
  readonly services: readonly BoundService[];
  readonly log: Log;
  readonly metrics: Registry;
  readonly tracer: Tracer;
  /** Milliseconds that calls in flight get to end when the server is disposed. */
  readonly drainMs: number;
}

/** A server that listens. Disposing it refuses new calls, waits for calls in flight, and then cuts them off. */
interface GrpcServer extends AsyncDisposable {
  readonly port: number;
}

const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const MAX_STREAMS_PER_CONNECTION = 1_000;

/**
 * Starts a server with tracing, metrics, log, error mapping, validation, deadlines, health and reflection. Requests of
 * more than 4 MiB are refused with RESOURCE_EXHAUSTED. Throws AppError `unavailable` when it cannot listen.
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
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
    addService(server, service, interceptors, options.name);
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

/** Wraps each handler of a service in the interceptors, of which the first is the outermost. */
function intercept(service: BoundService, interceptors: readonly Interceptor[]): Map<DescMethodUnary, Handler> {
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
  domain: string,
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
    implementation[method.name] = toUnaryHandler(handler, domain, systemClock);
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

/** Returns the bytes as a Buffer without copying them. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
