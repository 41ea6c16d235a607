/** How to call a recipe on this machine: `just` where it is installed, else by way of npx. */
export function justCall(): string {
  const path = Bun.which('just');
  // What npx brings along for one call is not there for the next.
  return path === null || path.includes('_npx') || path.includes('node_modules') ? 'npx -y rust-just@1.40.0' : 'just';
}
