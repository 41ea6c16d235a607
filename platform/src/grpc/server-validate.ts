import { pathToString } from '@bufbuild/protobuf/reflect';
import { type Validator, createValidator } from '@bufbuild/protovalidate';

import { AppError } from '../errors/index.ts';
import { type Interceptor, Malformed } from './handler.ts';

/**
 * Refuses a request that is not a message, and one that breaks the field rules of its .proto. The refusal is
 * `invalid-argument` and lists every violation.
 */
export function validate(validator: Validator = createValidator()): Interceptor {
  return (next, method) => (request, call) => {
    if (request instanceof Malformed) {
      throw new AppError('invalid-argument', `the request is not a ${method.input.typeName} message`, {
        reason: 'MALFORMED_REQUEST',
        cause: request.cause,
      });
    }
    const result = validator.validate(method.input, request);
    if (result.kind === 'error') throw result.error;
    if (result.kind === 'invalid') {
      const violations = result.violations.map((violation) => ({
        field: pathToString(violation.field),
        description: violation.message,
      }));
      const [first] = violations;
      const more = violations.length > 1 ? `, and ${violations.length - 1} more` : '';
      throw new AppError('invalid-argument', `${first?.field || 'request'}: ${first?.description}${more}`, {
        reason: 'INVALID_REQUEST',
        violations,
      });
    }
    return next(request, call);
  };
}
