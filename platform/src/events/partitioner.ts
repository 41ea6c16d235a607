const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * Returns the partition of a key, by the rule of Kafka's own Java client: murmur2 without its sign bit, modulo the
 * number of partitions. So a key is on the same partition of both logs, and other programs find it there too.
 */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(new TextEncoder().encode(key)) & 0x7fffffff) % partitions;
}

/** Returns the hash MurmurHash2 by Austin Appleby, in the 32-bit form and with the seed of Kafka's Utils.murmur2. */
export function murmur2(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const words = data.length >> 2;
  let h = SEED ^ data.length;
  for (let i = 0; i < words; i += 1) {
    let k = Math.imul(view.getInt32(i * 4, true), M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = data.length & 3;
  for (let i = rest - 1; i >= 0; i -= 1) h ^= (data[words * 4 + i] ?? 0) << (8 * i);
  if (rest > 0) h = Math.imul(h, M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}
