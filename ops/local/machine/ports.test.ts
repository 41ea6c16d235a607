import { expect, test } from 'bun:test';

import { parseListeners } from './ports.ts';

const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

test('the listeners are the sockets that listen where a server on 127.0.0.1 would', () => {
  const rows = [
    '   0: 0100007F:1F93 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 111 1 0 100 0 0 10 0',
    '   1: 00000000:237B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0',
    '   2: 0100007F:1F91 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 333 1 0 20 4 30 10 -1',
    '   3: 0201A8C0:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 444 1 0 100 0 0 10 0',
    '   4: 00000000000000000000000000000000:2763 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 555 1 0 100 0 0 10 0',
  ];
  expect(parseListeners([HEADER, ...rows, ''].join('\n'))).toEqual([
    { port: 8083, userId: 1000, inode: '111' },
    { port: 9083, userId: 0, inode: '222' },
    { port: 10083, userId: 33, inode: '555' },
  ]);
});
