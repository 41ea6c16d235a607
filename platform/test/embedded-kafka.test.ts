import { expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MODULE = join(import.meta.dir, '../src/embedded/kafka.ts');

/** What is missing where only these programs are installed, of which Java answers with this version. */
async function missingWith(programs: readonly string[], version: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'tally-path-'));
  try {
    for (const name of programs) {
      writeFileSync(join(dir, name), `#!/bin/sh\necho 'openjdk version "${version}" 2025-04-15' >&2\n`);
      chmodSync(join(dir, name), 0o755);
    }
    const script = `import { missingForKafka } from '${MODULE}';
      console.log(missingForKafka({ pom: '${dir}/pom.xml', dir: '${dir}' }) ?? 'nothing');`;
    const child = Bun.spawn([process.execPath, '-e', script], { env: { PATH: dir }, stdout: 'pipe', stderr: 'pipe' });
    return (await new Response(child.stdout).text()).trim();
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('what Kafka needs and does not find is said in one sentence', async () => {
  const java = 'Kafka needs Java 17 or newer: install it (on Debian: apt-get install openjdk-17-jre-headless).';
  expect(await missingWith([], '')).toBe(java);
  expect(await missingWith(['java', 'mvn'], '11.0.2')).toBe(java);
  expect(await missingWith(['java'], '17.0.15')).toBe(
    'Kafka is fetched by Maven: install it once (on Debian: apt-get install maven).',
  );
  expect(await missingWith(['java', 'mvn'], '21')).toBe('nothing');
});
