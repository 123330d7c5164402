import { connectorName } from '../../bin/connector-files.ts';
import { zeelosStatus } from './command-line.ts';
import type { Run } from './run.ts';
import { until } from './waiting.ts';

/** A worker that was killed is waited for by its group, for as long as its session. */
const STATUS_TIMEOUT_MS = 60_000;

/** `zeelos status` must come to say that each service is ready and each connector runs. */
export async function checkStatus({ site, folder, signal, findings }: Run): Promise<void> {
  const names = Object.values(connectorName).map((nameFor) => nameFor(site.gatewayId));
  const allWell = async () => {
    const { services, connectors } = await zeelosStatus(folder, signal);
    const others = Object.entries(services).filter(([, state]) => state !== 'ready');
    for (const name of names) {
      const state = typeof connectors === 'string' ? connectors : connectors[name];
      if (state !== 'RUNNING') others.push([name, String(state)]);
    }
    if (others.length > 0) throw new Error(others.map((pair) => pair.join(': ')).join('; '));
    return true;
  };
  try {
    await until(allWell, { what: 'status says that all is well', timeoutMs: STATUS_TIMEOUT_MS, signal });
    findings.progress('status: all is well');
  } catch (error) {
    signal.throwIfAborted();
    findings.fault(String(error));
  }
}
