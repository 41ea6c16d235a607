import { expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MODULE = join(import.meta.dir, '../src/embedded/index.ts');

/** Fetches Kafka with only these programs on PATH; Java reports this version. Resolves with the error's message. */
async function fetchWith(programs: readonly string[], version: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'tally-path-'));
  try {
    mkdirSync(join(dir, 'bin'));
    for (const name of programs) {
      writeFileSync(join(dir, 'bin', name), `#!/bin/sh\necho 'openjdk version "${version}" 2025-04-15' >&2\nexit 1\n`);
      chmodSync(join(dir, 'bin', name), 0o755);
    }
    const script = `import { fetchKafka } from '${MODULE}';
      await fetchKafka({ pom: '${dir}/pom.xml', dir: '${dir}/kafka' }).catch(({ message }) => console.log(message));`;
    const child = Bun.spawn([process.execPath, '-e', script], { env: { PATH: join(dir, 'bin') }, stdout: 'pipe' });
    return (await new Response(child.stdout).text()).trim();
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('the error says in one sentence which program Kafka lacks, and how to install it', async () => {
  const java =
    "Kafka needs Java 17 or newer, which could not be unpacked from Debian's packages: install it as root (on Debian: apt-get install default-jre-headless).";
  expect(await fetchWith([], '')).toBe(java);
  expect(await fetchWith(['java', 'mvn'], '11.0.2')).toBe(java);
  expect(await fetchWith(['java'], '17.0.15')).toBe(
    "Kafka is fetched by Maven, which could not be unpacked from Debian's packages: install it as root (on Debian: apt-get install maven).",
  );
  expect(await fetchWith(['java', 'mvn', 'env'], '21')).toStartWith('Maven could not fetch Kafka');
});
