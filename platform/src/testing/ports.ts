// Below the ephemeral ports, so that no client gets the port of a server that is down.
const FIRST_PORT = 20_000;
const PORTS = 12_000;

/** Returns different ports that are free now, and that stay free while their servers are down. */
export function quietPorts(count: number): number[] {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
