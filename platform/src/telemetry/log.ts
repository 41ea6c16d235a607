import { context, isSpanContextValid, trace } from '@opentelemetry/api';
import pino from 'pino';

import { AppError } from '../errors/index.ts';

/** Structured JSON log: `log.info({orderId}, 'order created')`. */
export type Log = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'isLevelEnabled' | 'flush'>;

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

// Names under which a secret could reach a log line by mistake.
const REDACTED = ['token', '*.token', 'password', '*.password', '*["x-product-token"]', 'url', '*.url'];

/** Writes to `destination` (standard output by default), synchronously, so that nothing is lost in a crash. */
export function createLog(service: string, level: LogLevel, destination?: pino.DestinationStream): Log {
  return pino(
    {
      base: { service },
      level,
      redact: REDACTED,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      mixin: () => {
        const span = trace.getSpanContext(context.active());
        return span !== undefined && isSpanContextValid(span) ? { trace_id: span.traceId } : {};
      },
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  );
}

// What only our own code can do wrong.
const BUGS = [TypeError, RangeError, ReferenceError, SyntaxError];

/**
 * An error as the log shows it, its cause too. Only known fields: a driver's error also holds the row's values
 * (`detail`), which are personal data. What is expected, as a neighbour that does not answer, comes again and again: it
 * shows no stack, and neither does what caused it, unless that is a bug.
 */
function describeError(error: unknown): unknown {
  return describe(error, false);
}

function describe(error: unknown, isCauseOfExpected: boolean): unknown {
  if (!(error instanceof Error)) return error;
  const isExpected = isCauseOfExpected || error instanceof AppError;
  const hasStack = !isExpected || BUGS.some((Bug) => error instanceof Bug);
  return {
    type: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    ...(hasStack ? { stack: error.stack } : {}),
    ...(error.cause === undefined ? {} : { cause: describe(error.cause, isExpected) }),
  };
}
