import { ANNOUNCED } from './devices.ts';
import type { Graph } from './orient-account.ts';
import type { Run } from './run.ts';
import { held, until } from './waiting.ts';

const CATCH_UP_TIMEOUT_MS = 60_000;

/** The graph shows one server, every device below it, with its objects, and whether they are there. */
export async function checkGraph(
  { site, findings, signal }: Run,
  names: readonly string[],
  online: boolean,
): Promise<void> {
  let faults: readonly string[] = [];
  const agrees = async () => {
    const graph = await site.orient.graph();
    const { report } = findings;
    report.orient = { servers: graph.servers.length, endpoints: graph.endpoints.size, graphEdges: graph.edges };
    faults = faultsOf(graph, site.gatewayId, names, online);
    return held(faults.length === 0);
  };
  try {
    await until(agrees, { what: 'the graph in OrientDB', timeoutMs: CATCH_UP_TIMEOUT_MS, signal, pauseMs: 1_000 });
    findings.progress(`graph: ${names.length} devices ${online ? 'online' : 'offline'}`);
  } catch (error) {
    signal.throwIfAborted();
    if (faults.length === 0) findings.fault(String(error));
    for (const fault of faults) findings.fault(`graph: ${fault}`);
  }
}

function faultsOf(graph: Graph, gatewayId: string, names: readonly string[], online: boolean): string[] {
  const faults: string[] = [];
  if (graph.servers.join() !== gatewayId) faults.push(`servers ${graph.servers.join()} instead of ${gatewayId}`);
  for (const name of names) {
    const vertex = graph.endpoints.get(name);
    if (vertex === undefined) faults.push(`${name} is missing`);
    else {
      if (vertex.online !== online || vertex.expired)
        faults.push(`${name}: online ${vertex.online}, expired ${vertex.expired}`);
      if (vertex.servers.join() !== gatewayId) faults.push(`${name} stands below ${vertex.servers.join()}`);
      const objects = [...(ANNOUNCED[name] ?? [])].sort();
      if (vertex.objects.join() !== objects.join())
        faults.push(`${name} has objects ${vertex.objects.join()} instead of ${objects.join()}`);
    }
  }
  for (const name of graph.endpoints.keys()) if (!names.includes(name)) faults.push(`${name} was never started`);
  return faults;
}
