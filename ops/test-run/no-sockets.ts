import net from 'node:net';

/*
  This file is loaded before the unit tests. It makes a test that opens a socket fail with a message that says so.
*/

function refuse(): never {
  throw new Error('a unit test opened a socket: move it to a folder named test');
}

net.Socket.prototype.connect = refuse;
net.Server.prototype.listen = refuse;
Object.assign(Bun, { serve: refuse, listen: refuse, connect: refuse, udpSocket: refuse });
globalThis.fetch = Object.assign(refuse, { preconnect: refuse });
