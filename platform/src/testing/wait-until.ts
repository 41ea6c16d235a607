const POLL_INTERVAL_MS = 10;

/** Polls `condition` every 10 ms until it is true. Fails with `what` after `timeoutMs`, 10 s by default. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  { what, timeoutMs = 10_000 }: { readonly what: string; readonly timeoutMs?: number },
): Promise<void> {
  const untilMs = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > untilMs) throw new Error(`still not true after ${timeoutMs} ms: ${what}`);
    await Bun.sleep(POLL_INTERVAL_MS);
  }
}
