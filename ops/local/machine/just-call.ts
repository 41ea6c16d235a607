/** How to call a recipe on this machine: `just` where it is installed, else by way of npx. */
export function justCall(): string {
  const path = Bun.which('just');
  // What npx brings along for one call is not there for the next.
  return path === null || path.includes('_npx') || path.includes('node_modules') ? 'npx -y rust-just@1.40.0' : 'just';
}

/** What a call in another shell needs to be about the same system. */
export function statePrefix(dir = process.env['TALLY_STATE_DIR']): string {
  if (!dir) return '';
  return `TALLY_STATE_DIR=${/^[\w./-]+$/.test(dir) ? dir : `'${dir}'`} `;
}

/** `just up`, as a sentence names it. */
export const inWords = (words: string) => `${statePrefix()}just ${words}`;
