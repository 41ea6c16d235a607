import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';

import { toTrustStore } from './java.ts';

const toPem = (text: string) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(text).toString('base64')}\n-----END CERTIFICATE-----\n`;

test('a trust store holds every certificate of a PEM file, and a hash that Java checks', () => {
  const store = toTrustStore(`# comment\n${toPem('first')}${toPem('the second')}`);
  const content = store.subarray(0, -20);
  const header = [content.readUInt32BE(0), content.readUInt32BE(4), content.readUInt32BE(8)];
  expect(header).toEqual([0xfeedfeed, 2, 2]);
  const entryAt = (offset: number, alias: string, certificate: string) => {
    const type = offset + 4 + 2 + alias.length + 8;
    expect(content.toString('latin1', offset + 6, offset + 6 + alias.length)).toBe(alias);
    expect(content.toString('latin1', type + 2, type + 7)).toBe('X.509');
    expect(content.readUInt32BE(type + 7)).toBe(certificate.length);
    expect(content.toString('latin1', type + 11, type + 11 + certificate.length)).toBe(certificate);
    return type + 11 + certificate.length;
  };
  const end = entryAt(entryAt(12, 'certificate-0', 'first'), 'certificate-1', 'the second');
  expect(end).toBe(content.length);
  const password = Buffer.from('\0c\0h\0a\0n\0g\0e\0i\0t');
  const hash = createHash('sha1').update(password).update('Mighty Aphrodite').update(content).digest();
  expect(store.subarray(-20)).toEqual(hash);
});
