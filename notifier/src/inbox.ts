/** parked: came before its turn. applied: told, in order. dead: poison, or skipped by an operator; it counts as passed. */
export type NotificationState = 'parked' | 'applied' | 'dead';

/** How an arriving version wants to be kept. */
export type Arrival = 'change' | 'dead';

export interface InboxDecision {
  /** What the arrivals become, by version; a version that is known already is not among them. */
  readonly inserted: ReadonlyMap<number, NotificationState>;
  /** Versions that were parked before and are applied now. */
  readonly released: readonly number[];
  /** Everything that is applied now, in the order in which it is told. */
  readonly told: readonly number[];
  readonly duplicates: number;
}

/**
 * Decides what arriving versions of one order become. Pure.
 *
 * Next is one more than the longest gapless run of applied or dead versions from 1. The next one is applied, with the
 * parked ones that it releases; one that comes early is parked; one that is known, in any state, changes nothing. The first
 * occurrence of a version counts, whatever it is.
 */
export function decideInbox(
  known: ReadonlyMap<number, NotificationState>,
  arrivals: readonly { readonly version: number; readonly arrival: Arrival }[],
): InboxDecision {
  const states = new Map(known);
  const told: number[] = [];
  let duplicates = 0;
  let passed = 0;

  function advance(): void {
    for (let state = states.get(passed + 1); state !== undefined; state = states.get(passed + 1)) {
      passed += 1;
      if (state !== 'parked') continue;
      states.set(passed, 'applied');
      told.push(passed);
    }
  }

  advance();
  for (const { version, arrival } of arrivals) {
    if (states.has(version)) {
      duplicates += 1;
      continue;
    }
    states.set(version, arrival === 'dead' ? 'dead' : 'parked');
    advance();
  }
  return {
    inserted: new Map([...states].filter(([version]) => !known.has(version))),
    released: told.filter((version) => known.has(version)),
    told,
    duplicates,
  };
}

/** What a dead version becomes when it is replayed: it never jumps the queue. */
export function decideReplay(
  known: ReadonlyMap<number, NotificationState>,
  version: number,
): { readonly state: 'applied' | 'parked'; readonly isLate: boolean } | undefined {
  if (known.get(version) !== 'dead') return undefined;
  for (let before = 1; before < version; before += 1) {
    const state = known.get(before);
    if (state !== 'applied' && state !== 'dead') return { state: 'parked', isLate: false };
  }
  const isLate = [...known].some(([later, state]) => later > version && state === 'applied');
  return { state: 'applied', isLate };
}
