import { SpanKind, type Log, type Tracer, fromTraceparent } from '@tally/platform/telemetry';

import type { Notification } from './inbox.ts';

/**
 * Tells the shopper of a notification. It is called before the commit, so that after a crash between the two, the
 * shopper is told twice rather than never.
 */
export type Tell = (notification: Notification, options: { readonly isLate: boolean }) => void;

/** Returns a function that tells by a line of the structured log. The line is written when the function returns. */
export function tellByLog(log: Log, tracer: Tracer): Tell {
  return ({ orderId, version, status, moment, traceparent }, { isLate }) => {
    const span = tracer.startSpan('notify', { kind: SpanKind.CONSUMER }, fromTraceparent(traceparent));
    const traceId = traceparent?.split('-')[1];
    log.info(
      {
        orderId: String(orderId),
        version,
        status,
        moment,
        ...(isLate && { isLate }),
        ...(traceId && { trace_id: traceId }),
      },
      'order notification',
    );
    span.end();
  };
}
