import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { ConfigError, listVariables, readConfig } from '@tally/platform/config';

import type { ListeningPorts } from '../services.ts';
import { type ComposeFile, type ComposeService, parsePublished, servicesOf } from './compose-file.ts';
import { IMAGE_PORTS, PROGRAMS } from './programs.ts';

/*
  Finds what a compose schema cannot see: variables, ports, paths and commands of compose.yaml that do not exist in the
  code. Each fault is a sentence that begins with the service or the profile.
*/

// A version has at least two numbers: `18.4` is a complete version of PostgreSQL.
const FIXED_VERSION = /^[a-z][\w./-]*:v?\d+\.\d+[\w.-]*$/;
// Matches an address such as `pgbouncer-loms:5432` in a list, in a URL, after a name or in a settings file.
const ADDRESS = /(?<=^|[/@,'"\s])([a-z][a-z0-9-]*):(\d{2,5})(?=$|[/,'"\s])/g;
const LOCAL_ADDRESS = /127\.0\.0\.1[:/,\s']+(\d{2,5})/g;

/** Returns the faults of a compose file of this checkout. `profiles` are the profiles that can be started. */
export function findFaults(file: ComposeFile, root: string, profiles: readonly string[]): string[] {
  const faults = Object.entries(file.services).flatMap(([name, service]) =>
    [
      ...findRuntimeFaults(service),
      ...(service.build === undefined ? findImageFaults(service) : findProgramFaults(service, root)),
      ...findPortFaults(service, root),
      ...findVolumeFaults(file, service, root),
      ...(profiles.some((profile) => service.profiles?.includes(profile)) ? [] : ['no profile starts it']),
    ].map((fault) => `${name}: ${fault}`),
  );
  return [...faults, ...profiles.flatMap((profile) => findProfileFaults(file, root, profile))];
}

function findRuntimeFaults(service: ComposeService): string[] {
  const rules: [holds: boolean, fault: string][] = [
    [/^\d+[mg]$/.test(service.mem_limit ?? ''), 'it has no memory limit'],
    [service.read_only === true, 'its root file system is writable'],
    [service.cap_drop?.includes('ALL') === true, 'it keeps capabilities'],
    [service.security_opt?.includes('no-new-privileges:true') === true, 'it can gain privileges'],
    [service.restart === 'no' || service.healthcheck !== undefined, 'it is not a job, and has no health check'],
  ];
  return rules.filter(([holds]) => !holds).map(([, fault]) => fault);
}

function findImageFaults({ image = 'none' }: ComposeService): string[] {
  if (!FIXED_VERSION.test(image)) return [`its image ${image} has no fixed version`];
  return nameOf(image) in IMAGE_PORTS ? [] : [`the ports of ${nameOf(image)} are not known: add them to IMAGE_PORTS`];
}

function findProgramFaults(service: ComposeService, root: string): string[] {
  const { dockerfile = '', args } = service.build ?? {};
  const main = args?.MAIN ?? '';
  const files = [dockerfile, main, ...(service.command ?? []).filter((word) => word.includes('/'))];
  const faults = files.filter((path) => !isFile(root, path)).map((path) => `there is no file '${path}'`);
  const [program, ...words] = service.command ?? ['bun', '--no-env-file', main];
  if (program !== 'bun' || !words.includes(main)) faults.push(`its command does not run ${main}`);
  const read = PROGRAMS[main];
  if (read === undefined) return [...faults, `the variables of ${main} are not known: add its reader to PROGRAMS`];
  const known = new Set(listVariables(read).map((variable) => variable.name));
  for (const variable of Object.keys(service.environment ?? {})) {
    if (!known.has(variable)) faults.push(`${main} does not read ${variable}`);
  }
  try {
    readPorts(service, root);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.faults);
  }
  return faults;
}

function findPortFaults(service: ComposeService, root: string): string[] {
  const listening = listenPorts(service, root);
  const published = (service.ports ?? []).map(parsePublished);
  const checked = (service.healthcheck?.test ?? []).flatMap((word) => [...word.matchAll(LOCAL_ADDRESS)]);
  return [
    ...published
      .filter(({ address }) => address !== '127.0.0.1')
      .map((port) => `port ${port.published} is not on loopback`),
    ...published.filter(({ target }) => !listening.has(target)).map(({ target }) => `nothing listens on ${target}`),
    ...checked
      .filter(([, port]) => !listening.has(Number(port)))
      .map(([, port]) => `its health check asks port ${port}, where nothing listens`),
  ];
}

function findVolumeFaults(file: ComposeFile, { volumes = [] }: ComposeService, root: string): string[] {
  const sources = volumes.map((volume) => volume.split(':')[0] ?? '');
  const isThere = (source: string) => (source.startsWith('.') ? isFile(root, source) : source in file.volumes);
  return sources.filter((source) => !isThere(source)).map((source) => `there is no '${source}' to mount`);
}

/** Returns the faults that lie between services of one profile, which start together. */
function findProfileFaults(file: ComposeFile, root: string, profile: string): string[] {
  const services = servicesOf(file, profile);
  const ports = services.flatMap(([, service]) => (service.ports ?? []).map((port) => parsePublished(port).published));
  const twice = ports.filter((port, i) => ports.indexOf(port) !== i);
  const byHost = Map.groupBy(
    services.flatMap(([name, service]) => hostsOf(name, service).map((host) => ({ host, service }))),
    ({ host }) => host,
  );
  const isServed = ({ host, port, kind }: Address) => {
    const asked = byHost.get(host) ?? [];
    return asked.length > 0 && asked.every(({ service }) => listenPorts(service, root, kind).has(port));
  };
  return [
    ...twice.map((port) => `profile ${profile}: port ${port} is published twice`),
    ...services.flatMap(([name, service]) => [
      ...addressesOf(service, root)
        .filter((address) => !isServed(address))
        .map(({ host, port }) => `${name} in profile ${profile}: nobody answers at ${host}:${port}`),
      ...findOrderFaults(service, new Map(services)).map((fault) => `${name} in profile ${profile}: ${fault}`),
    ]),
  ];
}

function findOrderFaults(service: ComposeService, services: ReadonlyMap<string, ComposeService>): string[] {
  return Object.entries(service.depends_on ?? {}).flatMap(([other, { condition }]) => {
    const target = services.get(other);
    if (target === undefined) return [`it waits for ${other}, which does not start`];
    if (condition === 'service_healthy')
      return target.healthcheck ? [] : [`it waits for the health of ${other}, which has no health check`];
    if (condition === 'service_completed_successfully')
      return target.restart === 'no' ? [] : [`it waits for the end of ${other}, which runs for ever`];
    return [`it depends on ${other}, but does not wait for its health or its end`];
  });
}

/** Returns the host names of a container. */
function hostsOf(name: string, { networks = {} }: ComposeService): string[] {
  return [name, ...Object.values(networks).flatMap(({ aliases }) => aliases)];
}

interface Address {
  readonly host: string;
  readonly port: number;
  /** Kind that the port must have if the host is a program of ours; undefined for any kind. */
  readonly kind: PortKind | undefined;
}

type PortKind = 'grpcPort' | 'adminPort' | 'httpPort';

/** Returns the addresses in the variables of a service and in the settings that are mounted into it. */
function addressesOf({ environment = {}, volumes = [] }: ComposeService, root: string): Address[] {
  const settings = volumes.flatMap((volume) => volume.match(/^\.\/[^:]+/) ?? []).filter((path) => isFile(root, path));
  const texts: [text: string, kind: PortKind | undefined][] = [
    ...Object.entries(environment).map(([name, value]): [string, PortKind | undefined] => [
      name === 'DB_HOST' ? `${value}:5432` : value,
      name.endsWith('_ADDRESS') ? 'grpcPort' : undefined,
    ]),
    ...settings.map((path): [string, PortKind] => [readFileSync(join(root, path), 'utf8'), 'adminPort']),
  ];
  return texts.flatMap(([text, kind]) =>
    [...text.matchAll(ADDRESS)].map(([, host = '', port]) => ({ host, port: Number(port), kind })),
  );
}

/** Returns the ports on which a service listens. For a program of ours, `kind` limits them to one kind of port. */
function listenPorts(service: ComposeService, root: string, kind?: PortKind): Set<number> {
  const { build, image = '', environment = {} } = service;
  if (build === undefined) {
    const named = [...(environment['KAFKA_LISTENERS'] ?? '').matchAll(/:(\d+)/g)].map(([, port]) => Number(port));
    return new Set([...(IMAGE_PORTS[nameOf(image)] ?? []), ...named]);
  }
  try {
    const { host, grpcPort, adminPort, httpPort } = readPorts(service, root);
    // A program that listens on another address cannot be reached from outside its container.
    if (host !== '0.0.0.0') return new Set();
    const ports = { grpcPort, adminPort, httpPort };
    return new Set((kind === undefined ? Object.values(ports) : [ports[kind]]).filter((port) => port !== undefined));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return new Set();
  }
}

function readPorts({ build, environment = {} }: ComposeService, root: string): ListeningPorts {
  const read = PROGRAMS[build?.args.MAIN ?? ''];
  return read === undefined
    ? {}
    : readConfig({ ...imageEnvironment(root, build?.dockerfile ?? ''), ...environment }, read);
}

/** Returns the variables that the image sets: `ENV A=x B=y`. */
function imageEnvironment(root: string, dockerfile: string): Record<string, string> {
  const lines = isFile(root, dockerfile) ? readFileSync(join(root, dockerfile), 'utf8').matchAll(/^ENV (.+)$/gm) : [];
  const pairs = [...lines].flatMap(([, words = '']) => words.split(' ').map((word) => word.split('=')));
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]));
}

function nameOf(image: string): string {
  return image.split(':')[0] ?? '';
}

function isFile(root: string, path: string): boolean {
  return existsSync(join(root, path)) && statSync(join(root, path)).isFile();
}
