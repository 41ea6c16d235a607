import { cpus } from 'node:os';

/** Returns the processor time that a service has used since it started, in milliseconds, from its metrics page. */
export async function cpuMsOf(adminPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return Number(/^process_cpu_seconds_total\S* (\S+)$/m.exec(text)?.[1]) * 1000;
}

/** Returns the processor time that all processors have spent working since the machine started, in milliseconds. */
export const machineCpuMs = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);

/** Returns the processor time that this process has used, in milliseconds. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
