import type { DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';

/** One incoming call, however it arrived. */
export interface Call {
  /** Aborts when the caller goes away or the deadline passes. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
  /** gRPC metadata or HTTP headers; the name in lower case. */
  header(name: string): string | undefined;
}

/** Message in, message out. Expected failures are thrown as AppError. */
export type Handler<Input = any, Output = any> = (request: Input, call: Call) => Promise<Output>;

/** The complete implementation of a service: a forgotten rpc is a type error. */
export type Implementation<S extends DescService> = {
  readonly [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? Handler<MessageShape<I>, MessageInitShape<O>>
    : never;
};

/** Wraps the handler of one method; made once for each method at start. */
export type Interceptor = (next: Handler, method: DescMethodUnary) => Handler;

/** A service with its implementation, to hand to a server. */
export interface BoundService {
  readonly desc: DescService;
  readonly handlers: ReadonlyMap<string, Handler>;
}

export function bindService<S extends DescService>(desc: S, implementation: Implementation<S>): BoundService {
  return { desc, handlers: new Map(Object.entries(implementation as Record<string, Handler>)) };
}

/** Every method of a service as `package.Service/Method`, unary ones only. */
export function unaryMethods(desc: DescService): DescMethodUnary[] {
  return desc.methods.filter((method): method is DescMethodUnary => method.methodKind === 'unary');
}

export function pathOf(method: DescMethodUnary): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** A request whose bytes are not a message. It travels in the message's place, since grpc-js answers INTERNAL to a throw. */
export class Malformed {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}
