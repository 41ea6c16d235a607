import type { LocalConfig } from '../config.ts';

/** Returns the command that runs a recipe on this machine: `just` if it is installed, otherwise npx with it. */
export function justCall(): string {
  const path = Bun.which('just');
  // If npx runs this command, the `just` that it has put on PATH is there only until the command ends.
  return path === null || path.includes('_npx') || path.includes('node_modules') ? 'npx -y rust-just@1.40.0' : 'just';
}

/** Returns the assignment to put before a command, so that it acts on this state folder. It ends with a space. */
export function statePrefix(dir: string): string {
  return `TALLY_STATE_DIR=${/^[\w./-]+$/.test(dir) ? dir : `'${dir}'`} `;
}

/** Returns a command for the user to run, such as `just up`. It names the state folder if TALLY_STATE_DIR chose it. */
export function inWords(words: string, { isStateDirChosen, stateDir }: LocalConfig, just = 'just'): string {
  return `${isStateDirChosen ? statePrefix(stateDir) : ''}${just} ${words}`;
}
