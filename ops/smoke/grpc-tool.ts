import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';

import { CHECKOUT } from '../local/config.ts';

/** A general gRPC client, which knows of Tally only what reflection tells it. */
export interface GrpcTool {
  readonly name: string;
  /** Lists the services by reflection. */
  services(address: string): Promise<readonly string[]>;
  call(address: string, method: string, request: unknown): Promise<Answered>;
}

export interface Answered {
  /** `OK`, or the status code of the failure, such as `FAILED_PRECONDITION`. */
  readonly code: string;
  /** Everything that the tool printed. */
  readonly text: string;
}

// Limit for one run of the tool, reflection included.
const RUN_LIMIT_MS = 10_000;

/** Returns grpcurl if it is on PATH, else `buf curl` from the node packages. */
export function findGrpcTool(): GrpcTool {
  const grpcurl = Bun.which('grpcurl');
  return grpcurl === null ? createBufCurl() : createGrpcurl(grpcurl);
}

function createGrpcurl(path: string): GrpcTool {
  return {
    name: 'grpcurl',
    async services(address) {
      return linesOf(await run([path, '-plaintext', address, 'list']));
    },
    async call(address, method, request) {
      const { exitCode, text } = await run([path, '-plaintext', '-d', JSON.stringify(request), address, method]);
      const code = /Code: (\w+)/.exec(text)?.[1]?.replace(/(?<=[a-z])[A-Z]/g, '_$&');
      return { code: exitCode === 0 ? 'OK' : codeOf(code), text };
    },
  };
}

function createBufCurl(): GrpcTool {
  const curl = [join(CHECKOUT, 'proto/node_modules/.bin/buf'), 'curl', '--http2-prior-knowledge', '--protocol', 'grpc'];
  return {
    name: 'buf curl',
    async services(address) {
      return linesOf(await run([...curl, '--list-services', `http://${address}`]));
    },
    async call(address, method, request) {
      const { exitCode, text } = await run([...curl, '-d', JSON.stringify(request), `http://${address}/${method}`]);
      return { code: exitCode === 0 ? 'OK' : codeOf(/"code": "(\w+)"/.exec(text)?.[1]), text };
    },
  };
}

interface Run {
  readonly exitCode: number;
  readonly text: string;
}

async function run(command: readonly string[]): Promise<Run> {
  const child = Bun.spawn([...command], { stdout: 'pipe', stderr: 'pipe', timeout: RUN_LIMIT_MS });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { exitCode: await child.exited, text: `${out}${err}`.trim() };
}

function linesOf({ exitCode, text }: Run): readonly string[] {
  if (exitCode !== 0) throw new AppError('unavailable', text || 'the tool failed without a message');
  return text.split('\n').map((line) => line.trim());
}

/** A failure without a status code is a failure of the tool itself. */
const codeOf = (word: string | undefined) => word?.toUpperCase() ?? 'NO ANSWER';
