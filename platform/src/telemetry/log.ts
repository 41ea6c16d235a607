import { context, isSpanContextValid, trace } from '@opentelemetry/api';
import pino from 'pino';

import { AppError } from '../errors/index.ts';

/** A structured log with one JSON object per line: `log.info({ port }, 'the service is up')`. */
export type Log = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'isLevelEnabled' | 'flush'>;

/** The levels of LOG_LEVEL, from the least severe. `silent` turns the log off. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

// Values of these fields are not shown, because a secret could reach a log line by mistake under these names.
const REDACTED = ['token', '*.token', 'password', '*.password', '*["x-product-token"]', 'url', '*.url'];

/**
 * Creates a log. It writes to `destination`, which is standard output by default, synchronously, so that a crash loses
 * no lines. Within a trace each line has its trace_id.
 */
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

// Errors of these types are always bugs in our own code.
const BUGS = [TypeError, RangeError, ReferenceError, SyntaxError];

/**
 * Returns what the log shows of an error and its causes. Only known fields are shown, because an error of the database
 * driver also has the values of the row (`detail`), which are personal data. An expected failure may repeat many times
 * in an outage, so it has no stack, and neither have its causes, apart from bugs.
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
