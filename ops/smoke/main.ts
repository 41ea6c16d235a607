import { type Command, runCommand } from '@tally/platform/command-line';
import { readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import { type PlannedProcess, serviceOf } from '../local/plan/plan.ts';
import { isUp, notUp, readState, requirePlan } from '../local/state.ts';
import { type CallCheck, SERVICES, type ServiceName, type SmokeChecks } from '../services.ts';
import { readSmokeConfig } from './config.ts';
import { type GrpcTool, findGrpcTool } from './grpc-tool.ts';

const HTTP_LIMIT_MS = 5_000;
const HEALTH = 'grpc.health.v1.Health';

const command: Command = {
  name: 'smoke',
  purpose: 'checks each service of the running system from outside: reflection, health, one call and one refusal.',
  notes: [
    'It changes nothing. It uses grpcurl if that is on PATH, else buf curl. It looks at neither the databases nor the',
    'event log; just status and just verify do.',
  ],
  run: async () => {
    const { productToken } = readConfig(process.env, readSmokeConfig);
    const tool = findGrpcTool();
    let passed = 0;
    let failed = 0;
    const state = readState(process.env);
    const { processes } = requirePlan(state);
    if (!isUp(state)) throw new AppError('failed-precondition', notUp(state.config));
    for (const planned of processes.filter(({ name }) => Object.hasOwn(SERVICES, serviceOf(name)))) {
      const checks = SERVICES[serviceOf(planned.name) as ServiceName].smoke(productToken);
      for (const [what, check] of toSteps(tool, planned, checks)) {
        const fault = await check().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
        console.log(`${fault === undefined ? 'ok    ' : 'FAILED'}  ${planned.name.padEnd(10)} ${what}`);
        if (fault === undefined) passed += 1;
        else {
          failed += 1;
          console.log(`        ${fault.replaceAll('\n', '\n        ')}`);
        }
      }
    }
    console.log(`\n${passed} checks passed, ${failed} failed, with ${tool.name}`);
    return failed === 0 ? 0 : 1;
  },
};

type Step = readonly [what: string, check: () => Promise<string | undefined>];

/** Returns the checks as functions that resolve with a description of the fault, or with undefined. */
function toSteps(tool: GrpcTool, { ports }: PlannedProcess, { service, paths, calls }: SmokeChecks): Step[] {
  const grpc = ports.find(({ purpose }) => purpose === 'gRPC');
  const http = ports.find(({ purpose }) => purpose !== 'gRPC');
  const address = `127.0.0.1:${grpc?.port}`;
  return [
    [`reflection lists ${service}`, () => checkReflection(tool, address, service)],
    ['health is SERVING', () => checkCall(tool, address, healthCheck(service))],
    ...calls.map((each): Step => [`${each.what}: ${each.code}`, () => checkCall(tool, address, each)]),
    ...paths.map((path): Step => [`GET ${path}`, () => checkPath(`http://127.0.0.1:${http?.port}${path}`)]),
  ];
}

async function checkReflection(tool: GrpcTool, address: string, service: string): Promise<string | undefined> {
  const services = await tool.services(address);
  const missing = [service, HEALTH].filter((name) => !services.includes(name));
  return missing.length === 0 ? undefined : `it lists ${services.join(', ')}; missing: ${missing.join(', ')}`;
}

const healthCheck = (service: string): CallCheck => ({
  what: 'health',
  method: `${HEALTH}/Check`,
  request: { service },
  code: 'OK',
  words: ['"SERVING"'],
});

async function checkCall(tool: GrpcTool, address: string, check: CallCheck): Promise<string | undefined> {
  const { code, text } = await tool.call(address, check.method, check.request);
  if (code !== check.code) return `${check.method} answered ${code}, not ${check.code}: ${text}`;
  const missing = check.words.filter((word) => !text.includes(word));
  return missing.length === 0 ? undefined : `${check.method} answered without ${missing.join(', ')}: ${text}`;
}

async function checkPath(url: string): Promise<string | undefined> {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(HTTP_LIMIT_MS) });
  return status === 200 ? undefined : `${url} answered ${status}`;
}

await runCommand(command, process.argv.slice(2));
