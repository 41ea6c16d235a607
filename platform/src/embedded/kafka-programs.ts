import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { AppError } from '../errors/index.ts';
import { type KafkaPrograms, startEmbeddedKafka } from './kafka.ts';
import { runCommand } from './programs/command.ts';
import type { Program } from './programs/debian.ts';
import { fetchJava, fetchMaven, findJava } from './programs/java.ts';
import { freePort } from './programs/process.ts';

interface KafkaProgramsOptions {
  /** The pom that names the jars. */
  readonly pom: string;
  /** Folder in which everything is kept. */
  readonly dir: string;
}

const FETCH_LIMIT_MS = 300_000;

/** Returns whether `fetchKafka` would neither download nor create anything. */
export function isKafkaFetched({ pom, dir }: KafkaProgramsOptions): boolean {
  return areJarsFetched(pom, dir) && existsSync(join(dir, 'classes.jsa')) && findJava(dir) !== undefined;
}

/**
 * Returns what a broker is run with: Java, Kafka's jars, and an archive of its classes. What is missing is made first:
 * Java and Maven are unpacked from Debian's packages, and Maven downloads the jars. Throws an AppError that says what
 * to install if Java or Maven cannot be had.
 */
export async function fetchKafka({ pom, dir }: KafkaProgramsOptions): Promise<KafkaPrograms> {
  mkdirSync(dir, { recursive: true });
  const java = await fetchJava(dir);
  if (java === undefined) {
    throw toMissing('Kafka needs Java 17 or newer', 'default-jre-headless');
  }
  if (!areJarsFetched(pom, dir)) {
    const maven = await fetchMaven(java, dir);
    if (maven === undefined) throw toMissing('Kafka is fetched by Maven', 'maven');
    await fetchJars(maven, pom, dir);
  }
  const programs = { java, jarsDir: join(dir, 'jars'), archive: join(dir, 'classes.jsa') };
  if (!existsSync(programs.archive)) await makeArchive(programs, dir);
  return programs;
}

const toMissing = (need: string, name: string) =>
  new AppError(
    'failed-precondition',
    `${need}, which could not be unpacked from Debian's packages: install it as root (on Debian: apt-get install ${name}).`,
  );

function areJarsFetched(pom: string, dir: string): boolean {
  const stamp = join(dir, 'jars', 'pom.xml');
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === readFileSync(pom, 'utf8');
}

/**
 * Downloads the jars. Maven writes into a temporary folder, which is renamed at the end, because another process may
 * download them at the same moment.
 */
async function fetchJars(maven: Program, pom: string, dir: string): Promise<void> {
  const temporary = join(dir, `jars.${randomUUID().slice(0, 8)}`);
  mkdirSync(temporary);
  try {
    const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${temporary}`];
    await runCommand([maven.path, '-q', '-B', '-f', pom, ...copy], {
      env: maven.env,
      signal: AbortSignal.timeout(FETCH_LIMIT_MS),
      failure: 'Maven could not fetch Kafka; does its repository answer? It said',
    });
    writeFileSync(join(temporary, 'pom.xml'), readFileSync(pom));
    if (areJarsFetched(pom, dir)) return;
    rmSync(join(dir, 'jars'), { recursive: true, force: true });
    rmSync(join(dir, 'classes.jsa'), { force: true });
    renameSync(temporary, join(dir, 'jars'));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/**
 * Makes the archive of classes: starts a broker and stops it, because a broker writes the archive when it ends. Without
 * the archive, brokers still start, only more slowly.
 */
async function makeArchive(programs: KafkaPrograms, dir: string): Promise<void> {
  const temporary = join(dir, `making.${randomUUID().slice(0, 8)}`);
  const archive = join(temporary, 'classes.jsa');
  try {
    const [broker] = await startEmbeddedKafka({
      dir: temporary,
      programs: { ...programs, archive },
      nodes: [{ id: 1, port: freePort(), controllerPort: freePort() }],
    });
    await broker?.stop();
    if (existsSync(archive)) renameSync(archive, programs.archive);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
