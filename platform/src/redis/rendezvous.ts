/**
 * Chooses one of several places for a key by rendezvous hashing, highest random weight first (D. Thaler and C.
 * Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996).
 *
 * Every process that knows the same names chooses the same place, without a table and without asking anybody. A place that
 * is added takes its fair share of the keys, one that is taken away gives its keys to the others evenly; no other key
 * moves. The order of the names does not matter. There must be at least one.
 */
export function createRendezvous(names: readonly string[]): (key: string) => number {
  const seeds = names.map(hashOf);
  return (key) => {
    const hash = hashOf(key);
    let best = 0;
    let bestWeight = -1;
    for (const [index, seed] of seeds.entries()) {
      const weight = mix(seed ^ hash);
      // Equal weights are as rare as they are harmless, but all processes must agree.
      const isBetter = weight > bestWeight || (weight === bestWeight && (names[index] ?? '') < (names[best] ?? ''));
      if (!isBetter) continue;
      best = index;
      bestWeight = weight;
    }
    return best;
  };
}

/** FNV-1a, mixed once more. Our own, because a runtime may change the hash that it brings. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return mix(hash);
}

/** The finalizer of MurmurHash3: every bit of the input moves about half of the bits of the result. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
