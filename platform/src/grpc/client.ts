import type { DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';

import { AppError } from '../errors/index.ts';
import { SpanKind, type Tracer, currentTraceparent, inSpan } from '../telemetry/index.ts';
import { pathOf, unaryMethods } from './handler.ts';
import { RpcError } from './rpc-error.ts';
import { fromTrailers } from './status.ts';
import { context } from '@opentelemetry/api';

export interface CallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadlineMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Told when a detached call leaves: until then it can be called off at no cost. */
  readonly onSent?: () => void;
}

/** Sends one message and waits for the answer. A failure is an RpcError. */
export type Send = (request: any, options: CallOptions) => Promise<any>;

/** Wraps the sending of one method; made once for each method at start. */
export type ClientInterceptor = (next: Send, method: DescMethodUnary) => Send;

export type ClientOf<S extends DescService> = {
  readonly [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options: CallOptions) => Promise<MessageShape<O>>
    : never;
};

export interface GrpcClientOptions {
  /** `host:port` of one instance, of a name that resolves to several, or `ipv4:port` of several; used in turn. */
  readonly addresses: readonly string[];
  readonly tracer: Tracer;
  /** The first is the outermost. */
  readonly interceptors?: readonly ClientInterceptor[];
  /**
   * The servers are ours. A connection with calls in flight is asked every second whether it lives; one that does not answer
   * within two is given up with its calls. And a call that no server has begun, since the one that got it is about to end,
   * goes to another one. Servers of others may cut a caller off who asks more than every five minutes, and a limit of calls
   * must count what is repeated.
   */
  readonly areOurs?: boolean;
}

const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;
const KEEPALIVE_MS = 1_000;

/**
 * A typed client over one channel. It connects on first use, reconnects within a second of the server's return, and fails
 * at once, as UNAVAILABLE, while no server answers. It never repeats what a server may have begun.
 */
export function openGrpcClient<S extends DescService>(
  desc: S,
  options: GrpcClientOptions,
): ClientOf<S> & AsyncDisposable {
  const channel = new grpc.Client(toTarget(options.addresses), grpc.credentials.createInsecure(), {
    // A name stands for addresses and nothing else: it could ask for more retries.
    'grpc.service_config_disable_resolution': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.min_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    'grpc.max_receive_message_length': MAX_RESPONSE_BYTES,
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    // Each client gets connections of its own, so that closing one leaves the others alone.
    'grpc.use_local_subchannel_pool': 1,
    ...(options.areOurs
      ? { 'grpc.keepalive_time_ms': KEEPALIVE_MS, 'grpc.keepalive_timeout_ms': 2 * KEEPALIVE_MS }
      : { 'grpc.enable_retries': 0 }),
  });
  const client: Record<string, unknown> = {};
  for (const method of unaryMethods(desc)) {
    const interceptors = [traced(options.tracer), ...(options.interceptors ?? [])];
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
  const message = `${addresses.join(',')}: several addresses must be IPv4 addresses; or give one name that resolves to all`;
  throw new AppError('invalid-argument', message);
}

function traced(tracer: Tracer): ClientInterceptor {
  return (next, method) => {
    const name = pathOf(method).slice(1);
    return (request, options) =>
      inSpan(tracer, name, SpanKind.CLIENT, context.active(), () => {
        const traceparent = currentTraceparent();
        return next(
          request,
          traceparent === undefined ? options : { ...options, headers: { ...options.headers, traceparent } },
        );
      });
  };
}

/** A proxy that limits calls may answer with an HTTP status instead, for which gRPC has another word. */
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
        reject(new RpcError({ code: grpc.status.CANCELLED, message: 'cancelled before it was sent' }));
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
