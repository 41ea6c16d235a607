import { expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '@tally/platform/concurrency';
import { quietPorts, missingKafka, testWith } from '@tally/platform/testing';

import { CHECKOUT, readLocalConfig } from '../local/config.ts';
import { type LocalKafka, createKafka } from '../local/parts/kafka.ts';
import { refuseStrangers } from '../local/run/launcher.ts';
import { SHAPES } from '../local/plan/shape.ts';
import { createSteps } from '../local/run/steps.ts';

const missing = await missingKafka();

const brokerOf = (kafka: LocalKafka) => kafka.brokers[0]!.find();

/** The broker of a state folder, whose name has a space in it. */
function openBench() {
  const stateDir = mkdtempSync(join(tmpdir(), 'tally kafka '));
  const [port = 0, controllerPort = 0, otherPort = 0] = quietPorts(3);
  let output = '';
  const steps = createSteps(systemClock, (text) => (output += text));
  const on = (kafkaPort: number): LocalKafka => {
    const env = {
      TALLY_STATE_DIR: stateDir,
      TALLY_KAFKA_PORT: String(kafkaPort),
      TALLY_KAFKA_CONTROLLER_PORT: String(controllerPort),
    };
    return createKafka(readLocalConfig(env, CHECKOUT), SHAPES.kafka);
  };
  return {
    stateDir,
    port,
    otherPort,
    on,
    raise: async (kafka: LocalKafka) => {
      output = '';
      await kafka.prepare(steps);
      await kafka.raise(steps);
      return output;
    },
    async [Symbol.asyncDispose]() {
      await brokerOf(on(port))?.kill();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

testWith(
  missing,
  'the broker starts once, is found again, moves to another port, and ends',
  async () => {
    await using bench = openBench();
    const { port, otherPort } = bench;
    const kafka = bench.on(port);
    expect(brokerOf(kafka)).toBeUndefined();
    expect(await bench.raise(kafka)).toContain(`started on port ${port}`);
    const pid = brokerOf(kafka)?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    expect(await bench.raise(kafka)).toContain(`was stopped by a signal and goes on, on port ${port}`);
    expect(brokerOf(kafka)?.pid).toBe(pid);
    const moved = bench.on(otherPort);
    expect(moved.addresses()).toEqual([`127.0.0.1:${port}`]);
    expect(await bench.raise(moved)).toContain(`moved from port ${port} to ${otherPort}`);
    expect(moved.addresses()).toEqual([`127.0.0.1:${otherPort}`]);
    expect(await moved.end()).toBe('ended');
    expect(brokerOf(moved)).toBeUndefined();
  },
  60_000,
);

test('a Kafka that cannot be fetched is reported before anything is started', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tally-no-java-'));
  const module = (path: string) => JSON.stringify(join(CHECKOUT, path));
  const script = `const { readLocalConfig } = await import(${module('ops/local/config.ts')});
    const { raiseShape } = await import(${module('ops/local/run/raise-shape.ts')});
    const { createSteps } = await import(${module('ops/local/run/steps.ts')});
    const { toRunFiles } = await import(${module('ops/local/run/run-files.ts')});
    const { systemClock } = await import('@tally/platform/concurrency');
    const config = readLocalConfig({ TALLY_STATE_DIR: ${JSON.stringify(join(root, 'state'))} }, ${JSON.stringify(root)});
    const deps = { clock: systemClock, files: toRunFiles(config.stateDir), steps: createSteps(systemClock, () => {}) };
    await raiseShape(deps, config, 'kafka').catch(({ message }) => console.log(message));`;
  const child = Bun.spawn([process.execPath, '-e', script], {
    cwd: join(CHECKOUT, 'ops'),
    env: { PATH: '/nonexistent' },
    stdout: 'pipe',
  });
  const said = await new Response(child.stdout).text();
  const made = readdirSync(root);
  rmSync(root, { recursive: true });
  expect(said).toStartWith('Kafka needs Java 17 or newer');
  expect(made).toEqual(['.local']);
});

testWith(
  missing,
  'a port that somebody else holds is named, with the variable that moves it',
  async () => {
    await using bench = openBench();
    const stranger = Bun.listen({ hostname: '127.0.0.1', port: bench.port, socket: { data() {} } });
    try {
      const plan = { stateDir: bench.stateDir, processes: [] };
      await expect(refuseStrangers({ clock: systemClock }, plan, [bench.on(bench.port)])).rejects.toThrow(
        new RegExp(`Port ${bench.port} \\(Kafka\\) is in use by process ${process.pid}.*TALLY_KAFKA_PORT`),
      );
    } finally {
      stranger.stop(true);
    }
  },
  60_000,
);
