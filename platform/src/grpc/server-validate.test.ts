import { expect, test } from 'bun:test';

import { create } from '@bufbuild/protobuf';
import { type Validator, createValidator } from '@bufbuild/protovalidate';

import { METHOD, createCall } from '../testing/calls.ts';
import { Malformed } from './handler.ts';
import { validate } from './server-validate.ts';

type Result = ReturnType<Validator['validate']>;

/** Calls a handler that answers 'handled', after a validator with this result. */
async function handle(request: unknown, result?: Result): Promise<unknown> {
  const validator = result === undefined ? createValidator() : ({ validate: () => result } as unknown as Validator);
  const wrapped = validate(validator)(async () => 'handled', METHOD);
  return (async () => wrapped(request, createCall()))().catch((error: unknown) => error);
}

const MESSAGE = create(METHOD.input);

const invalid = (...violations: readonly (readonly [field: string, message: string])[]) =>
  ({
    kind: 'invalid',
    violations: violations.map(([field, message]) => ({ field: [{ kind: 'field', name: field }], message })),
  }) as unknown as Result;

test('a valid message reaches the handler', async () => {
  expect(await handle(MESSAGE)).toBe('handled');
});

test('bytes that are not a message are refused, with the cause', async () => {
  const cause = new Error('premature EOF');
  expect(await handle(new Malformed(cause))).toMatchObject({
    kind: 'invalid-argument',
    reason: 'MALFORMED_REQUEST',
    message: 'the request is not a grpc.health.v1.HealthCheckRequest message',
    cause,
  });
});

test('a message that breaks rules is refused with all violations, and the first one in the message', async () => {
  expect(await handle(MESSAGE, invalid(['count', 'must be positive']))).toMatchObject({
    kind: 'invalid-argument',
    reason: 'INVALID_REQUEST',
    message: 'count: must be positive',
  });
  expect(await handle(MESSAGE, invalid(['count', 'must be positive'], ['name', 'is too long']))).toMatchObject({
    message: 'count: must be positive, and 1 more',
    violations: [
      { field: 'count', description: 'must be positive' },
      { field: 'name', description: 'is too long' },
    ],
  });
});

test('an error of the validator itself is thrown as it is', async () => {
  const error = new Error('bad rule');
  expect(await handle(MESSAGE, { kind: 'error', error } as unknown as Result)).toBe(error);
});
