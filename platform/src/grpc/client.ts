import type { DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';

import { AppError } from '../errors/index.ts';
import type { Tracer } from '../telemetry/index.ts';
import type { CallOptions, ClientInterceptor, Send } from './client-interceptor.ts';
import { traceCalls } from './client-trace.ts';
import { pathOf, unaryMethods } from './handler.ts';
import { RpcError } from './rpc-error.ts';
import { fromTrailers } from './status.ts';

/** The typed client of a service: a function for each of its unary methods. */
export type ClientOf<S extends DescService> = {
  readonly [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options: CallOptions) => Promise<MessageShape<O>>
    : never;
};

/** Options of a client. */
interface GrpcClientOptions {
  /** `host:port` of one or several instances, which are used in turn. Several must be IPv4 addresses. */
  readonly addresses: readonly string[];
  readonly tracer: Tracer;
  /** Interceptors of every call. The first one is the outermost. */
  readonly interceptors?: readonly ClientInterceptor[];
  /**
   * Whether the servers are part of this system; false by default. It decides about two things:
   *
   * - A connection to our own server is pinged every second while calls are in flight. After two seconds without an
   *   answer it is closed, and its calls fail. A foreign server may close a connection that is pinged more often
   *   than every five minutes.
   * - A call that our own server has not begun, because it is about to stop, is sent to another server. A foreign
   *   server may limit the number of calls, and `limit` would not count the repeated one.
   */
  readonly areOurs?: boolean;
}

const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;
const KEEPALIVE_MS = 1_000;

/**
 * Opens a typed client over one channel. It connects at the first call, reconnects within a second of the server's
 * return, and fails calls at once with UNAVAILABLE while no server can be reached. It never repeats a call that a
 * server may have begun. Answers of more than 8 MiB are refused with RESOURCE_EXHAUSTED.
 */
export function openGrpcClient<S extends DescService>(
  desc: S,
  options: GrpcClientOptions,
): ClientOf<S> & AsyncDisposable {
  const channel = new grpc.Client(toTarget(options.addresses), grpc.credentials.createInsecure(), {
    // A name server could otherwise send a service config, which may allow more retries.
    'grpc.service_config_disable_resolution': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.min_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    'grpc.max_receive_message_length': MAX_RESPONSE_BYTES,
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    // Each client has its own connections, so closing one client does not affect the others.
    'grpc.use_local_subchannel_pool': 1,
    ...(options.areOurs
      ? { 'grpc.keepalive_time_ms': KEEPALIVE_MS, 'grpc.keepalive_timeout_ms': 2 * KEEPALIVE_MS }
      : { 'grpc.enable_retries': 0 }),
  });
  const client: Record<string, unknown> = {};
  for (const method of unaryMethods(desc)) {
    const interceptors = [traceCalls(options.tracer), ...(options.interceptors ?? [])];
    const send = interceptors.reduceRight<Send>((next, wrap) => wrap(next, method), sendOver(channel, method));
    client[method.localName] = (request: MessageInitShape<typeof method.input>, callOptions: CallOptions) =>
      send(create(method.input, request), callOptions);
  }
  return Object.assign(client as ClientOf<S>, {
    [Symbol.asyncDispose]: async () => channel.close(),
  });
}

function toTarget(addresses: readonly string[]): string {
  if (addresses.every((address) => /^[\d.]+:\d+$/.test(address))) return `ipv4:${addresses.join(',')}`;
  if (addresses.length === 1) return `dns:///${addresses[0]}`;
  const advice = 'several addresses must be IPv4 addresses; or use one name that resolves to all';
  throw new AppError('invalid-argument', `${addresses.join(',')}: ${advice}`);
}

/** Returns the code of a failed call. grpc-js does not map HTTP status 420 and 429 to a reached limit. */
function codeOf({ code, details }: grpc.ServiceError): grpc.status {
  return /^Received HTTP status code (420|429)\b/.test(details) ? grpc.status.RESOURCE_EXHAUSTED : code;
}

function sendOver(channel: grpc.Client, method: DescMethodUnary): Send {
  const path = pathOf(method);
  const serialize = (message: any) => {
    const bytes = toBinary(method.input, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const deserialize = (bytes: Buffer) => fromBinary(method.output, bytes);
  return (request, { signal, deadlineMs, headers }) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new RpcError({ code: grpc.status.CANCELLED, message: 'the call was cancelled before it was sent' }));
        return;
      }
      const metadata = new grpc.Metadata();
      for (const [name, value] of Object.entries(headers ?? {})) metadata.set(name, value);
      const call = channel.makeUnaryRequest(
        path,
        serialize,
        deserialize,
        request,
        metadata,
        deadlineMs === undefined ? {} : { deadline: deadlineMs },
        (error, response) => {
          signal?.removeEventListener('abort', cancel);
          if (error === null) resolve(response);
          else reject(fromTrailers(codeOf(error), error.details, error.metadata, error));
        },
      );
      const cancel = () => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
}
