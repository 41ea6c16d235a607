import { readServiceConfig, runMain, startService } from '../src/lifecycle/index.ts';

/* A service without rpcs, for the tests of the lifecycle. With EXAMPLE_GIVES_UP=yes it gives up after its start. */

await runMain(
  {
    name: 'example',
    purpose: 'serves nothing.',
    read: (reader) => ({
      ...readServiceConfig(reader, 'example', { grpcPort: 0, adminPort: 0 }),
      givesUp: reader.oneOf('EXAMPLE_GIVES_UP', 'Whether it gives up.', ['yes', 'no'], 'no'),
    }),
    start: (config) =>
      startService(config, async (frame) => {
        const ports = await frame.serve([]);
        if (config.givesUp === 'yes') frame.giveUp(new Error('the consumer is stuck'));
        return ports;
      }),
  },
  process.env,
  process.argv.slice(2),
);
