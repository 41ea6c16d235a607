/**
 * Creates a function that chooses one of several nodes for a key, and returns its index. It uses rendezvous hashing,
 * also called highest random weight (D. Thaler and C. Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996).
 *
 * All processes that know the same names choose the same node, without coordination. A node that is added takes an
 * equal share of the keys from the others, and the keys of a node that is removed are spread over the others; no other
 * key moves. The order of the names does not matter. There must be at least one name.
 */
export function createRendezvous(names: readonly string[]): (key: string) => number {
  const seeds = names.map(hashOf);
  return (key) => {
    const hash = hashOf(key);
    let best = 0;
    let bestWeight = -1;
    for (const [index, seed] of seeds.entries()) {
      const weight = mix(seed ^ hash);
      // Weights are hardly ever equal, but then all processes must still agree.
      const isBetter = weight > bestWeight || (weight === bestWeight && (names[index] ?? '') < (names[best] ?? ''));
      if (!isBetter) continue;
      best = index;
      bestWeight = weight;
    }
    return best;
  };
}

/** FNV-1a, mixed once more. It is not Bun.hash, because a later version of Bun may change that. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return mix(hash);
}

/** The finalizer of MurmurHash3: a change of any bit of the input changes about half of the bits of the result. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
