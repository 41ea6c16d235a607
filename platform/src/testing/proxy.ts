import net from 'node:net';

/** A TCP proxy in front of a server, which a test can cut at a chosen moment. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Cuts a connection right behind the next `times` client packets that contain `text`, once they were passed on. */
  cutBehind(text: string, times: number): void;
  readonly cuts: number;
  /** Called when it cuts, before the cut. */
  onCut: () => void;
  /** While it is true, what either side sends is swallowed, on old connections and on new ones: nothing is closed. */
  isMute: boolean;
  /** Mutes for ever what stands now; new connections are served. */
  muteStanding(): void;
}

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
      // The server must get what was sent before it sees the end.
      upstream.end();
      sockets.delete(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const proxy: Proxy = {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cutBehind(text, times) {
      pattern = text;
      left = times;
    },
    get cuts() {
      return cuts;
    },
    onCut: () => {},
    isMute: false,
    muteStanding() {
      for (const socket of sockets) muted.add(socket);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** The same URL on another port. */
export const withPort = (url: string, port: number): string => Object.assign(new URL(url), { port: String(port) }).href;
