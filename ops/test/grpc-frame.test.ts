import { describe, expect, test } from 'bun:test';
import { type IncomingHttpHeaders, connect } from 'node:http2';
import { gzipSync } from 'node:zlib';

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  type BoundService,
  type Call,
  type GrpcServerOptions,
  openGrpcClient,
  startGrpcServer,
} from '@tally/platform/grpc';
import { startService } from '@tally/platform/lifecycle';
import { createLog, createMetrics, openTracing } from '@tally/platform/telemetry';
import { bindPartly, openTestDatabase, outcomeOf, sendRaw, waitUntil } from '@tally/platform/testing';
import { ErrorInfoSchema } from '@tally/proto/google/rpc/error_details';
import { StatusSchema } from '@tally/proto/google/rpc/status';
import { Loms, OrderInfoRequestSchema } from '@tally/proto/loms';

const PATH = '/loms.Loms/OrderInfo';
const { tracer } = openTracing('loms');
const quiet = { name: 'loms', host: '127.0.0.1', port: 0, log: createLog('loms', 'silent'), tracer };

type Work = (call: Call) => Promise<void>;

function serviceOf(work: Work): BoundService {
  return bindPartly(Loms, {
    async orderInfo(_request, call) {
      await work(call);
      return { status: 'payed', user: 1n, items: [] };
    },
  });
}

/** Starts a server around one handler, which by default answers at once. */
function openServer(work: Work = async () => {}, more: Partial<GrpcServerOptions> = {}) {
  const metrics = createMetrics('loms');
  return startGrpcServer({ ...quiet, metrics, drainMs: 500, services: [serviceOf(work)], ...more });
}

const openClient = (port: number) => openGrpcClient(Loms, { addresses: [`127.0.0.1:${port}`], tracer });

const deadlineIn = (ms: number) => ({ deadlineMs: Date.now() + ms });

const MESSAGE = toBinary(OrderInfoRequestSchema, create(OrderInfoRequestSchema, { orderId: 1n }));

function frame(bytes: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(Number(isCompressed));
  prefix.writeUInt32BE(bytes.byteLength, 1);
  return Buffer.concat([prefix, bytes]);
}

/** Sends a handmade call that no client would send. Resolves with its code and reason. */
async function post(port: number, body: Buffer, headers: Record<string, string> = {}) {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const answer: IncomingHttpHeaders = {};
    const ended = new Promise<void>((resolve, reject) => {
      for (const name of ['response', 'trailers'])
        stream.on(name, (more: IncomingHttpHeaders) => void Object.assign(answer, more));
      stream.on('error', reject).on('close', resolve);
    });
    stream.resume();
    stream.end(body);
    await ended;
    const details = Buffer.from(String(answer['grpc-status-details-bin'] ?? ''), 'base64');
    const [info] = fromBinary(StatusSchema, details).details;
    return {
      code: Number(answer['grpc-status']),
      reason: info === undefined ? undefined : anyUnpack(info, ErrorInfoSchema)?.reason,
    };
  } finally {
    session.destroy();
  }
}

describe('shutdown', () => {
  test('a call that outlasts the drain limit is cut off, and the service stops', async () => {
    await using database = await openTestDatabase('loms');
    let isRunning = false;
    let isCut = false;
    const service = serviceOf(async ({ signal }) => {
      isRunning = true;
      signal.addEventListener('abort', () => (isCut = true));
      // The handler ignores its signal.
      await Bun.sleep(5000);
    });
    const config = {
      name: 'loms',
      mode: 'development',
      host: '127.0.0.1',
      grpcPort: 0,
      adminPort: 0,
      databaseUrl: database.url,
      databaseConnections: 2,
      namedStatements: true,
      logLevel: 'silent',
      otlpEndpoint: undefined,
      drainMs: 300,
    } as const;
    const running = await startService(config, (frame) => frame.serve([service]));
    await using client = openClient(running.grpcPort);
    const outcome = outcomeOf(client.orderInfo({ orderId: 1n }, deadlineIn(20_000)));
    await waitUntil(() => isRunning, { what: 'the call has begun' });
    const startedMs = performance.now();
    await running[Symbol.asyncDispose]();
    const tookMs = performance.now() - startedMs;
    expect(await outcome).not.toBe('OK');
    await waitUntil(() => isCut, { what: 'the signal of the handler aborted' });
    // The limit is 300 ms; without one the call runs for 5 s.
    expect(tookMs).toBeGreaterThan(290);
    expect(tookMs).toBeLessThan(3000);
  }, 30_000);

  test('a call that ends within the drain limit is answered, and shutdown does not wait for the rest of the limit', async () => {
    const begun = Promise.withResolvers<void>();
    const work = async () => {
      begun.resolve();
      await Bun.sleep(200);
    };
    const server = await openServer(work, { drainMs: 20_000 });
    await using client = openClient(server.port);
    const outcome = outcomeOf(client.orderInfo({ orderId: 1n }, deadlineIn(20_000)));
    await begun.promise;
    const startedMs = performance.now();
    await server[Symbol.asyncDispose]();
    expect(await outcome).toBe('OK');
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  }, 30_000);
});

describe('the deadline of a call', () => {
  test("is the caller's own up to 30 s, and 5 s if the caller sets none", async () => {
    const leftMs: number[] = [];
    await using server = await openServer(async ({ deadlineMs }) => void leftMs.push(deadlineMs - Date.now()));
    const asked: readonly (readonly [header: string | undefined, limitMs: number])[] = [
      ['10S', 10_000],
      ['29S', 29_000],
      ['31S', 30_000],
      ['60S', 30_000],
      ['1H', 30_000],
      [undefined, 5000],
    ];
    for (const [header] of asked) {
      const headers: Record<string, string> = header === undefined ? {} : { 'grpc-timeout': header };
      expect(await post(server.port, frame(MESSAGE), headers)).toMatchObject({ code: 0 });
    }
    for (const [i, [, limitMs]] of asked.entries()) {
      expect(leftMs[i]).toBeLessThanOrEqual(limitMs);
      // A busy machine may take a while from the call to its handler.
      expect(leftMs[i]).toBeGreaterThan(limitMs - 2000);
    }
  });

  test('aborts the signal when it passes, and the caller is answered', async () => {
    const untilAborted: Work = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    await using server = await openServer(untilAborted);
    const answer = await post(server.port, frame(MESSAGE), { 'grpc-timeout': '200m' });
    expect(answer).toMatchObject({ code: 4 });
  }, 30_000);
});

describe('a malformed request', () => {
  test('bytes that do not match their encoding and an unreadable timeout are INVALID_ARGUMENT', async () => {
    await using server = await openServer(() => Promise.reject(new Error('the handler must not run')));
    const gzip = { 'grpc-encoding': 'gzip' };
    for (const call of [
      post(server.port, frame(MESSAGE, true), gzip),
      post(server.port, frame(gzipSync(MESSAGE).subarray(0, 12), true), gzip),
      post(server.port, frame(MESSAGE), { 'grpc-timeout': 'soon' }),
      post(server.port, frame(MESSAGE), { 'grpc-timeout': '1X' }),
    ])
      expect(await call).toMatchObject({ code: 3, reason: 'MALFORMED_REQUEST' });
  });

  test('more than 4 MB is RESOURCE_EXHAUSTED, compressed or not, and exactly 4 MB is accepted', async () => {
    await using server = await openServer();
    const tooLarge = Buffer.alloc(4 * 1024 * 1024 + 1);
    const gzip = { 'grpc-encoding': 'gzip' };
    expect(await post(server.port, frame(tooLarge))).toMatchObject({ code: 8 });
    expect(await sendRaw(`127.0.0.1:${server.port}`, PATH, tooLarge)).toMatchObject({ code: 8 });
    expect(await post(server.port, frame(gzipSync(tooLarge), true), gzip)).toMatchObject({ code: 8 });
    expect(await post(server.port, frame(gzipSync(MESSAGE), true), gzip)).toMatchObject({ code: 0 });
    // An unknown field fills the message up to 4 MB.
    const padding = Buffer.alloc(4 * 1024 * 1024 - MESSAGE.length - 6);
    const length = padding.length;
    const varint = [0, 7, 14, 21].map((shift) => ((length >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
    const fits = Buffer.concat([MESSAGE, Buffer.from([0xfa, 0x01, ...varint]), padding]);
    expect(fits.length).toBe(4 * 1024 * 1024);
    expect(await post(server.port, frame(fits))).toMatchObject({ code: 0 });
  });

  test('no message, several messages and an unknown encoding are UNIMPLEMENTED, and the server goes on', async () => {
    await using server = await openServer();
    const twice = Buffer.concat([frame(MESSAGE), frame(MESSAGE)]);
    expect(await post(server.port, Buffer.alloc(0))).toMatchObject({ code: 12 });
    expect(await post(server.port, twice)).toMatchObject({ code: 12 });
    expect(await post(server.port, frame(MESSAGE, true), { 'grpc-encoding': 'snappy' })).toMatchObject({ code: 12 });
    expect(await post(server.port, frame(MESSAGE))).toMatchObject({ code: 0 });
  });
});
