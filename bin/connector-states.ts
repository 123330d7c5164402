import { PlatformError } from '../common/errors.ts';
import { sleep } from '../common/lifecycle.ts';

/** What is read of a worker's /connectors?expand=status. */
export type ConnectorStatuses = Readonly<
  Record<
    string,
    {
      readonly status: {
        readonly connector: { readonly state: string };
        readonly tasks: readonly { readonly state: string; readonly trace?: string; readonly waiting?: string }[];
      };
    }
  >
>;

const RUNS = 'RUNNING';
const POLL_MS = 250;
const ANSWER_MS = 3_000;

/** One line for each connector of a worker. Errors: KAFKA_UNAVAILABLE, or what fetch throws, when it does not answer. */
export async function connectorStates(connectUrl: string, timeoutMs: number): Promise<Record<string, string>> {
  const response = await fetch(`${connectUrl}/connectors?expand=status`, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new PlatformError('KAFKA_UNAVAILABLE', `the worker answered ${response.status}`);
  return connectorLines((await response.json()) as ConnectorStatuses);
}

/** `RUNNING` when all of its tasks run; else what the first that does not says. */
export function connectorLines(statuses: ConnectorStatuses): Record<string, string> {
  const lines = Object.entries(statuses).map(
    ([
      name,
      {
        status: { connector, tasks },
      },
    ]) => {
      if (connector.state !== RUNS) return [name, connector.state] as const;
      const other = tasks.find(({ state, waiting }) => state !== RUNS || waiting !== undefined);
      const why = other?.waiting ?? other?.trace?.split('\n')[0];
      return [name, other === undefined ? RUNS : `${other.state}${why === undefined ? '' : `: ${why}`}`] as const;
    },
  );
  return Object.fromEntries(lines);
}

/** Resolves when the connector stores, or on abort. Errors: STACK_START_FAILED after the timeout, with what it says of itself. */
export async function untilConnectorRuns(
  name: string,
  o: { readonly connectUrl: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + o.timeoutMs;
  while (!o.signal.aborted) {
    const state = await connectorStates(o.connectUrl, ANSWER_MS).then(
      (states) => states[name] ?? 'it is not there',
      () => 'the worker does not answer',
    );
    if (state === RUNS) return;
    if (performance.now() > deadline)
      throw new PlatformError('STACK_START_FAILED', `connector ${name}: not within ${o.timeoutMs} ms: ${state}`);
    await sleep(POLL_MS, o.signal);
  }
}
