/** The part of a compose file that the checks read. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly args: { readonly MAIN: string } };
  readonly command?: readonly string[];
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks?: Readonly<Record<string, { readonly aliases: readonly string[] }>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
  readonly mem_limit?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
}

/** Parses a compose file. Anchors and merges are resolved, and every variable has its default. */
export function parseComposeFile(text: string): ComposeFile {
  return Bun.YAML.parse(text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')) as ComposeFile;
}

/** Returns the services that a profile starts. */
export function servicesOf({ services }: ComposeFile, profile: string): [name: string, service: ComposeService][] {
  return Object.entries(services).filter(([, { profiles }]) => profiles === undefined || profiles.includes(profile));
}

/** Parses `127.0.0.1:9183:9083` into the address and port on the host, and the port in the container. */
export function parsePublished(port: string): { address: string; published: number; target: number } {
  const [address = '', published, target] = port.split(':');
  return { address, published: Number(published), target: Number(target) };
}

/** Converts `256m` or `2g` to MiB. */
export function toMib(limit: string): number {
  const [, amount, unit] = /^(\d+)([mg])$/.exec(limit) ?? [];
  return Number(amount) * (unit === 'g' ? 1024 : 1);
}
