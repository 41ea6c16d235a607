import { workspaces } from '../package.json' with { type: 'json' };

/** The folders of the repository that are packages. `package.json` in the root is the home of this list. */
export const WORKSPACES: readonly string[] = workspaces;

const CONTRACTS_AND_TOOLS = new Set(['proto', 'sql', 'platform', 'ops']);

/** The folders that are services: all other packages. */
export const SERVICE_PACKAGES = WORKSPACES.filter((name) => !CONTRACTS_AND_TOOLS.has(name));
