import { SpanKind, type Log, type Tracer, fromTraceparent } from '@tally/platform/telemetry';

import type { Notification } from './store.ts';

/** Tells somebody. At least once: a crash behind it and before the commit tells again. */
export type Tell = (notification: Notification, how: { readonly isLate: boolean }) => void;

/** Told means the structured log line, which is written when this returns. */
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
