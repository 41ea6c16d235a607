import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { type DebianProgram, type Program, fetchUnpacked, findUnpacked } from './debian.ts';

const MIN_JAVA_VERSION = 17;
const JAVA_HOME = 'usr/lib/jvm/default-java';
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const TRUST_STORE = 'etc/ssl/certs/java/cacerts';

const JAVA: DebianProgram = {
  packages: ['default-jre-headless'],
  dependencies: /^openjdk-\d+-jre-headless$/,
  path: `${JAVA_HOME}/bin/java`,
  env: (root) => ({ JAVA_HOME: join(root, JAVA_HOME) }),
  // Java does not read PEM files. Debian's installation script would convert them, but it is not run.
  finish(root) {
    const path = join(root, TRUST_STORE);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, toTrustStore(existsSync(CERTIFICATES) ? readFileSync(CERTIFICATES, 'utf8') : ''));
  },
};

/** Returns the Java on PATH if it is 17 or newer, else Debian's if it is unpacked below `dir`. It downloads nothing. */
export function findJava(dir: string): Program | undefined {
  const path = Bun.which('java');
  if (path !== null && readJavaVersion(path) >= MIN_JAVA_VERSION) return { path, env: {}, origin: path };
  return findUnpacked(JAVA, toJavaDir(dir));
}

/** Returns what `findJava` finds, else unpacks Debian's Java below `dir`: see `fetchUnpacked`. */
export async function fetchJava(dir: string): Promise<Program | undefined> {
  return findJava(dir) ?? (await fetchUnpacked(JAVA, toJavaDir(dir)));
}

/** Returns the Maven on PATH, else unpacks Debian's below `dir`. Either one is set up to run on the given Java. */
export async function fetchMaven(java: Program, dir: string): Promise<Program | undefined> {
  const path = Bun.which('mvn');
  if (path !== null) return { path, env: java.env, origin: path };
  const maven: DebianProgram = {
    packages: ['maven'],
    dependencies: /^lib.*-java$/,
    path: 'usr/share/maven/bin/mvn',
    env: () => java.env,
  };
  return await fetchUnpacked(maven, join(dir, 'maven'));
}

const toJavaDir = (dir: string) => join(dir, 'java');

function readJavaVersion(java: string): number {
  const { stderr } = Bun.spawnSync([java, '-version'], { stderr: 'pipe', stdout: 'ignore' });
  return Number(/version "(\d+)/.exec(stderr.toString())?.[1] ?? 0);
}

/**
 * Converts PEM certificates into a trust store that Java reads, in the format JKS: a header, an entry for each
 * certificate, and a hash of both. The password is that of every JDK's own trust store. It protects nothing,
 * because certificates are public.
 */
export function toTrustStore(pem: string): Buffer {
  const blocks = pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g);
  const certificates = [...blocks].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
  const toUint32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const toText = (text: string) => Buffer.concat([toUint32(text.length).subarray(2), Buffer.from(text)]);
  const entries = certificates.flatMap((certificate, i) => [
    toUint32(2), // a trusted certificate
    toText(`certificate-${i}`),
    Buffer.alloc(8), // its date
    toText('X.509'),
    toUint32(certificate.length),
    certificate,
  ]);
  const content = Buffer.concat([toUint32(0xfeedfeed), toUint32(2), toUint32(certificates.length), ...entries]);
  const password = Buffer.from('changeit', 'utf16le').swap16();
  return Buffer.concat([
    content,
    createHash('sha1').update(password).update('Mighty Aphrodite').update(content).digest(),
  ]);
}
