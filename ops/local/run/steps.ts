import type { Clock } from '@tally/platform/concurrency';

/** Prints what a command does, one line for each step. */
export interface Steps {
  /** Prints the name, runs the step, and completes the line with the outcome that the step returns and its duration. */
  run(name: string, work: () => Promise<string>): Promise<void>;
  /** Prints a line. */
  say(name: string, text: string): void;
}

const NAME_COLUMNS = 18;
/** A shorter duration is not printed. */
const MIN_SHOWN_MS = 100;

export function createSteps(clock: Clock, write: (text: string) => void): Steps {
  const begin = (name: string) => write(`  ${name.padEnd(NAME_COLUMNS)} `);
  return {
    async run(name, work) {
      const startedAtMs = clock.nowMs();
      begin(name);
      try {
        const outcome = await work();
        const tookMs = clock.nowMs() - startedAtMs;
        write(`${outcome}${tookMs >= MIN_SHOWN_MS ? ` (${toSeconds(tookMs)})` : ''}\n`);
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

/** Returns a duration in words: `1.2 s`. */
export function toSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
