import { workspaces } from '../package.json' with { type: 'json' };

/** The folders of the repository that are packages. The list stands in `package.json` in the root. */
export const WORKSPACES: readonly string[] = workspaces;

const NO_SERVICES = new Set(['proto', 'sql', 'platform', 'ops']);

/** The folders that are services: all other packages. */
export const SERVICE_PACKAGES = WORKSPACES.filter((name) => !NO_SERVICES.has(name));
