import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '@tally/platform/concurrency';
import { isAlive, prepareKafka } from '@tally/platform/embedded';
import { missingKafka, quietPorts, testWith } from '@tally/platform/testing';

import { CHECKOUT, readLocalConfig } from '../local/config.ts';
import { isListening } from '../local/machine/ports.ts';
import { signal } from '../local/machine/processes.ts';
import { openKafka, planKafka } from '../local/parts/kafka.ts';
import { SHAPES } from '../local/plan/shape.ts';
import { createSteps } from '../local/run/steps.ts';
import { endFakeSystems, openFakeSystem, until } from './local-fake-system.ts';

setDefaultTimeout(60_000);
afterAll(endFakeSystems);

const missing = await missingKafka();
const silent = createSteps(systemClock, () => {});

/** A broker under the real launcher, in a state folder whose name contains a space. */
async function openBench() {
  const system = await openFakeSystem([]);
  const [port = 0, controllerPort = 0, otherPort = 0] = quietPorts(3);
  return {
    port,
    otherPort,
    find: () => system.find('kafka')!,
    down: system.down,
    async up(kafkaPort = port) {
      const env = {
        TALLY_STATE_DIR: system.stateDir,
        TALLY_KAFKA_PORT: String(kafkaPort),
        TALLY_KAFKA_CONTROLLER_PORT: String(controllerPort),
      };
      const config = readLocalConfig(env, CHECKOUT);
      const kafka = await openKafka(config, SHAPES.kafka, silent);
      await system.up(
        { ...system.plan(), processes: planKafka(config, SHAPES.kafka, kafka) },
        { servers: ['kafka'], create: () => prepareKafka(kafka), migrate: async () => {} },
      );
    },
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  };
}

testWith(missing, 'a broker starts once, continues when it was stopped, moves to another port, and ends', async () => {
  await using bench = await openBench();
  await bench.up();
  const first = bench.find();
  expect(isListening(first.pid, bench.port)).toBe(true);
  await bench.up();
  expect(bench.find().pid).toBe(first.pid);

  signal(first, 'SIGSTOP');
  await until('it is stopped', () => bench.find().state === 'T');
  await bench.up();
  expect(bench.find().pid).toBe(first.pid);

  await bench.up(bench.otherPort);
  const moved = bench.find();
  expect([isAlive(first), isListening(moved.pid, bench.otherPort)]).toEqual([false, true]);
  await bench.down();
  expect(isAlive(moved)).toBe(false);
});

testWith(missing, 'a broker that was killed comes back by itself', async () => {
  await using bench = await openBench();
  await bench.up();
  const killed = bench.find();
  signal(killed, 'SIGKILL');
  await until('another broker runs', () => ![undefined, killed.pid].includes(bench.find()?.pid));
  await bench.up();
});

test('if Kafka cannot be fetched, the error says so before anything is started', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tally-no-java-'));
  const module = (path: string) => JSON.stringify(join(CHECKOUT, path));
  const script = `const { readLocalConfig } = await import(${module('ops/local/config.ts')});
    const { openKafka } = await import(${module('ops/local/parts/kafka.ts')});
    const { SHAPES } = await import(${module('ops/local/plan/shape.ts')});
    const config = readLocalConfig({ TALLY_STATE_DIR: ${JSON.stringify(join(root, 'state'))} }, ${JSON.stringify(root)});
    const steps = { run: async (_, work) => void (await work()), say() {} };
    await openKafka(config, SHAPES.kafka, steps).catch(({ message }) => console.log(message));`;
  const child = Bun.spawn([process.execPath, '-e', script], {
    cwd: join(CHECKOUT, 'ops'),
    env: { PATH: '/nonexistent' },
    stdout: 'pipe',
  });
  const said = await new Response(child.stdout).text();
  const created = readdirSync(root);
  rmSync(root, { recursive: true });
  expect(said).toStartWith('Kafka needs Java 17 or newer');
  expect(created).toEqual(['.local']);
});

testWith(missing, 'a port that another program uses is named with the variable that moves it', async () => {
  await using bench = await openBench();
  const stranger = Bun.listen({ hostname: '127.0.0.1', port: bench.port, socket: { data() {} } });
  try {
    await expect(bench.up()).rejects.toThrow(
      new RegExp(`Port ${bench.port} \\(Kafka of kafka\\) is in use by process ${process.pid}.*TALLY_KAFKA_PORT`),
    );
  } finally {
    stranger.stop(true);
  }
});
