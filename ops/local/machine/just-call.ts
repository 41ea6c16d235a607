import type { LocalConfig } from '../config.ts';

/** Returns how to call a recipe on this machine: `just` if it is installed, otherwise through npx. */
export function justCall(): string {
  const path = Bun.which('just');
  // A just that npx has put on PATH is gone after this command.
  return path === null || path.includes('_npx') || path.includes('node_modules') ? 'npx -y rust-just@1.40.0' : 'just';
}

/** Returns what a command in another shell needs in front to act on this state folder. */
export function statePrefix(dir: string): string {
  return `TALLY_STATE_DIR=${/^[\w./-]+$/.test(dir) ? dir : `'${dir}'`} `;
}

/** Returns a command as a sentence names it: `just up`, with the state folder when that was chosen. */
export function inWords(words: string, { isStateDirChosen, stateDir }: LocalConfig): string {
  return `${isStateDirChosen ? statePrefix(stateDir) : ''}just ${words}`;
}
