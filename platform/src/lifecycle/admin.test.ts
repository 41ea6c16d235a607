import { expect, test } from 'bun:test';

import { tallyVersion } from '../version/index.ts';
import { createMetrics } from '../telemetry/index.ts';
import { answerAdmin } from './admin.ts';

async function get(path: string, reason?: string): Promise<readonly [number, string, string | null]> {
  const options = { metrics: createMetrics('example'), notReady: async () => reason };
  const response = await answerAdmin(new Request(`http://localhost${path}`), options);
  return [response.status, await response.text(), response.headers.get('content-type')];
}

test('/healthz is 200 while the process lives, also when the service is not ready', async () => {
  expect((await get('/healthz', 'the database does not answer')).slice(0, 2)).toEqual([200, 'ok\n']);
});

test('/readyz is 200 when the service is ready, and 503 with the reason when it is not', async () => {
  expect((await get('/readyz')).slice(0, 2)).toEqual([200, 'ok\n']);
  expect((await get('/readyz', 'the database does not answer')).slice(0, 2)).toEqual([
    503,
    'the database does not answer\n',
  ]);
});

test('/metrics has the metrics of the process and the version of the build', async () => {
  const [status, text, contentType] = await get('/metrics?a=b');
  expect(status).toBe(200);
  expect(contentType).toStartWith('text/plain; version=0.0.4');
  expect(text).toContain('process_cpu_seconds_total');
  const labels = `version="${tallyVersion()}",bun="${Bun.version}",service="example"`;
  expect(text).toContain(`# TYPE tally_build_info gauge\ntally_build_info{${labels}} 1\n`);
});

test('any other path is 404 and says what there is', async () => {
  expect((await get('/metric')).slice(0, 2)).toEqual([404, 'not found: try /metrics, /healthz or /readyz\n']);
});
