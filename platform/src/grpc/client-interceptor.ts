import type { DescMethodUnary } from '@bufbuild/protobuf';

/** Options of one call. */
export interface CallOptions {
  /** Cancels the call when it aborts. */
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch. Without it the call has no deadline, unless an interceptor sets one. */
  readonly deadlineMs?: number;
  /** Metadata of the call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called by `detach` just before the call is sent. Until then, nothing is lost when the call is cancelled. */
  readonly onSent?: () => void;
}

/** Sends one message and resolves with the answer. Rejects with RpcError when the call failed. */
export type Send = (request: any, options: CallOptions) => Promise<any>;

/** Wraps the sending of one method. It is called once for each method, when the client is opened. */
export type ClientInterceptor = (next: Send, method: DescMethodUnary) => Send;
