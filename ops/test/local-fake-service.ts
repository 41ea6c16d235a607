// Behaves towards the launcher as a service does: it answers /readyz, and drains after SIGTERM.
const port = Number(process.env['FAKE_PORT']);
const drainMs = Number(process.env['FAKE_DRAIN_MS'] ?? 0);

if (process.env['FAKE_FAULT'] === 'configuration') {
  console.error('fake: bad configuration:\n  - FAKE_PORT is not set');
  process.exit(1);
}
Bun.serve({ hostname: '127.0.0.1', port, routes: { '/readyz': new Response('ok\n') }, fetch: () => new Response('') });
console.log(JSON.stringify({ service: process.env['FAKE_NAME'], message: 'up', pid: process.pid }));
if (process.env['FAKE_FAULT'] === 'chatty') setInterval(() => console.log('x'.repeat(10_000)), 2);
process.on('SIGTERM', () => {
  if (process.env['FAKE_FAULT'] === 'deaf') return;
  setTimeout(() => {
    console.log(JSON.stringify({ service: process.env['FAKE_NAME'], message: 'drained', atMs: Date.now() }));
    process.exit(0);
  }, drainMs);
});
