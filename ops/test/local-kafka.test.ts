import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '@tally/platform/concurrency';
import { quietPorts, withoutKafka } from '@tally/platform/testing';

import { CHECKOUT, readLocalConfig } from '../local/config.ts';
import { type LocalKafka, createKafka } from '../local/parts/kafka.ts';
import { refuseStrangers } from '../local/run/launcher.ts';
import { SHAPES } from '../local/plan/shape.ts';
import { createSteps } from '../local/run/steps.ts';

const onKafka = test.skipIf(withoutKafka() !== undefined);

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

onKafka(
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

test('without Java nothing is started, and one sentence says what to install', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'tally-no-java-'));
  const child = Bun.spawn([process.execPath, join(CHECKOUT, 'ops/local/commands/up.ts'), 'kafka'], {
    env: { PATH: '/nonexistent', TALLY_STATE_DIR: stateDir },
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const said = await new Response(child.stderr).text();
  rmSync(stateDir, { recursive: true });
  expect(await child.exited).toBe(1);
  expect(said.trim()).toBe(
    'up: Kafka needs Java 17 or newer: install it (on Debian: apt-get install openjdk-17-jre-headless).',
  );
});

onKafka(
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
