/** Looks every 10 ms until `condition` holds; fails with `what` when it never does. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  { what, timeoutMs = 10_000 }: { readonly what: string; readonly timeoutMs?: number },
): Promise<void> {
  const untilMs = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > untilMs) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await Bun.sleep(10);
  }
}
