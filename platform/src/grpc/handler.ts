import type { DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';

/** One incoming call, independent of its transport. */
export interface Call {
  /** Aborts when the caller cancels or leaves, and when the deadline passes. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
  /** Returns a value of the gRPC metadata or HTTP headers. The name is in lower case. */
  header(name: string): string | undefined;
}

/** Handles one message. Expected failures are thrown as AppError. */
export type Handler<Input = any, Output = any> = (request: Input, call: Call) => Promise<Output>;

/** The complete implementation of a service. A method that is missing is a type error. */
export type Implementation<S extends DescService> = {
  readonly [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? Handler<MessageShape<I>, MessageInitShape<O>>
    : never;
};

/** Wraps the handler of one method. It is called once for each method, when the server is started. */
export type Interceptor = (next: Handler, method: DescMethodUnary) => Handler;

/** A service together with its implementation. */
export interface BoundService {
  readonly desc: DescService;
  /** The handler of each method, by the method's name in lower camel case. */
  readonly handlers: ReadonlyMap<string, Handler>;
}

/** Joins a service and its implementation. */
export function bindService<S extends DescService>(desc: S, implementation: Implementation<S>): BoundService {
  return { desc, handlers: new Map(Object.entries(implementation as Record<string, Handler>)) };
}

/** Returns the unary methods of a service. */
export function unaryMethods(desc: DescService): DescMethodUnary[] {
  return desc.methods.filter((method): method is DescMethodUnary => method.methodKind === 'unary');
}

/** Returns the name of a method for spans, metrics and logs: `package.Service/Method`. */
export function nameOf(method: DescMethodUnary): string {
  return `${method.parent.typeName}/${method.name}`;
}

/** Returns the HTTP/2 path of a method: `/package.Service/Method`. */
export function pathOf(method: DescMethodUnary): string {
  return `/${nameOf(method)}`;
}

/**
 * A request whose bytes are not a message. It is handed to the interceptors in place of the message, because grpc-js
 * answers INTERNAL when deserializing throws.
 */
export class Malformed {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}
