import type { Clock } from '@tally/platform/concurrency';

/** Prints what a command is doing: a line for each step, its name first and its outcome when it is through. */
export interface Steps {
  /** Runs a step; its line ends with the words that it returns and how long it took. */
  run(name: string, work: () => Promise<string>): Promise<void>;
  /** A line of its own. */
  say(name: string, text: string): void;
}

const NAME_COLUMNS = 18;
// Shorter ones are not worth reading.
const SHOWN_FROM_MS = 100;

export function createSteps(clock: Clock, write: (text: string) => void): Steps {
  const begin = (name: string) => write(`  ${name.padEnd(NAME_COLUMNS)} `);
  return {
    async run(name, work) {
      const startedAtMs = clock.nowMs();
      begin(name);
      try {
        const outcome = await work();
        const tookMs = clock.nowMs() - startedAtMs;
        write(`${outcome}${tookMs >= SHOWN_FROM_MS ? ` (${toSeconds(tookMs)})` : ''}\n`);
      } catch (error) {
        write('failed\n');
        throw error;
      }
    },
    say(name, text) {
      begin(name);
      write(`${text}\n`);
    },
  };
}

/** `1.2 s` */
export function toSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/** Works on all of them at once. Returns what happened to each, in words; named where there are several. */
export async function describeEach<T extends { readonly name: string }>(
  all: readonly T[],
  work: (each: T) => Promise<string>,
): Promise<string> {
  const words = await Promise.all(all.map(work));
  return words.map((said, i) => (all.length === 1 ? said : `${all[i]?.name} ${said}`)).join(', ');
}
