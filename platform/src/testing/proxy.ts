import net from 'node:net';

/** A TCP proxy for a server. A test can cut or mute its connections. */
interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Cuts the connection after each of the next `times` client packets that contain `text`, which are passed on. */
  cutAfter(text: string, times: number): void;
  /** Number of connections that were cut. */
  readonly cuts: number;
  /** Called just before a connection is cut. */
  onCut: () => void;
  /** While true, all bytes of both sides are dropped on all connections, and none is closed. */
  isMute: boolean;
  /** Drops all further bytes on the connections that exist now. New connections work. */
  muteCurrent(): void;
}

/** Opens a proxy on a free port in front of `targetPort` of this machine. */
export async function openProxy(targetPort: number): Promise<Proxy> {
  let pattern = '';
  let left = 0;
  let cuts = 0;
  const sockets = new Set<net.Socket>();
  const muted = new WeakSet<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(targetPort, '127.0.0.1');
    const end = () => {
      client.destroy();
      upstream.destroy();
      sockets.delete(client);
    };
    sockets.add(client);
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    upstream.on('data', (data) => {
      if (!proxy.isMute && !muted.has(client)) client.write(data);
    });
    client.on('data', (data) => {
      if (proxy.isMute || muted.has(client)) return;
      upstream.write(data);
      if (left === 0 || !data.includes(pattern)) return;
      left -= 1;
      cuts += 1;
      proxy.onCut();
      client.destroy();
      // The server gets what was sent before it sees the end of the connection.
      upstream.end();
      sockets.delete(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const proxy: Proxy = {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cutAfter(text, times) {
      pattern = text;
      left = times;
    },
    get cuts() {
      return cuts;
    },
    onCut: () => {},
    isMute: false,
    muteCurrent() {
      for (const socket of sockets) muted.add(socket);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** Returns the URL with another port. */
export const withPort = (url: string, port: number): string => Object.assign(new URL(url), { port: String(port) }).href;
