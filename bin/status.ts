import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, PlatformError } from '../common/errors.ts';
import type { SettingsOf } from '../common/settings.ts';
import { type CommandContext, EXIT, type ExitCode } from './command.ts';
import { connectorStates } from './connector-states.ts';
import { laneStates } from './lane-states.ts';
import { printable } from './printable.ts';
import { readAddresses, type SystemAddresses } from './running-system.ts';
import type { STATUS_SETTINGS } from './status-settings.ts';
import { type TopicState, topicStates } from './topic-states.ts';

const TIMEOUT_MS = 3_000;
const NEWEST_VALUES = 10;
/** A value may be a text of any length. */
const LINE_CHARACTERS = 160;

interface Status {
  readonly services: Readonly<Record<string, string>>;
  /** Of the replicator. */
  readonly lanes: Readonly<Record<string, string>> | string;
  readonly connectors: Readonly<Record<string, string>> | string;
  readonly topics: Readonly<Record<string, TopicState>>;
  readonly influx: readonly string[] | string;
  readonly graph: Readonly<Record<string, number>> | string;
}

/** What the running system holds, each part asked by itself: one that is down does not hide the others. */
export async function status(settings: SettingsOf<typeof STATUS_SETTINGS>, { log }: CommandContext): Promise<ExitCode> {
  const addresses = readAddresses(settings.dataDir);
  if (addresses === undefined)
    throw new PlatformError('CONFIG_INVALID', `no \`zeelos up\` ever ran with the data folder ${settings.dataDir}`);
  const [services, lanes, connectors, topics, influx, graph] = await Promise.all([
    serviceStates(addresses),
    orReason(laneStates(addresses, TIMEOUT_MS)),
    orReason(connectorStates(addresses.connectUrl, TIMEOUT_MS)),
    topicStates(addresses, { log, timeoutMs: TIMEOUT_MS }),
    orReason(newestValues(addresses, join(settings.dataDir, 'secrets', 'influxdb-token'))),
    orReason(graphCounts(addresses, join(settings.dataDir, 'secrets', 'orientdb-password'))),
  ]);
  const found: Status = { services, lanes, connectors, topics, influx, graph };
  process.stdout.write(settings.json ? `${JSON.stringify(found)}\n` : asText(found));
  return Object.values(services).includes('ready') ? EXIT.ok : EXIT.failed;
}

async function serviceStates({ health }: SystemAddresses): Promise<Record<string, string>> {
  const states = Object.entries(health).map(async ([name, port]) => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (response.ok) return [name, 'ready'];
      const { waiting } = (await response.json()) as { waiting?: Record<string, string> };
      return [name, `not ready: ${Object.values(waiting ?? {}).join('; ')}`];
    } catch {
      return [name, 'does not run'];
    }
  });
  return Object.fromEntries(await Promise.all(states));
}

const NEWEST_QUERY = `from(bucket: "zeelosdb") |> range(start: -10m)
  |> filter(fn: (r) => r._measurement == "resources" and (r._field == "value" or r._field == "svalue" or r._field == "bvalue"))
  |> last() |> map(fn: (r) => ({_time: r._time, ep: r.ep, path: r.path, text: string(v: r._value)}))
  |> group() |> sort(columns: ["_time"], desc: true) |> limit(n: ${NEWEST_VALUES})`;

async function newestValues({ influxUrl }: SystemAddresses, tokenFile: string): Promise<string[]> {
  const response = await fetch(`${influxUrl}/api/v2/query?org=zeelos`, {
    method: 'POST',
    headers: {
      authorization: `Token ${readFileSync(tokenFile, 'utf8').trim()}`,
      'content-type': 'application/vnd.flux',
      accept: 'application/csv',
    },
    body: NEWEST_QUERY,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new PlatformError('SINK_UNAVAILABLE', `InfluxDB answered ${response.status}`);
  const [header = '', ...lines] = (await response.text()).trim().split(/\r?\n/);
  const columns = header.split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    const cell = (name: string) => cells[columns.indexOf(name)] ?? '';
    return `${cell('_time')}  ${cell('ep')}  ${cell('path')}  ${cell('text')}`;
  });
}

const GRAPH_CLASSES = [
  'Servers',
  'Endpoints',
  'Objects',
  'Resources',
  'hasEndpoint',
  'hasChild',
  'hasObject',
  'hasResource',
] as const;

async function graphCounts({ orientUrl }: SystemAddresses, passwordFile: string): Promise<Record<string, number>> {
  const login = Buffer.from(`root:${readFileSync(passwordFile, 'utf8').trim()}`).toString('base64');
  const counts = GRAPH_CLASSES.map(async (name) => {
    const response = await fetch(
      `${orientUrl}/query/zeelosdb/sql/${encodeURIComponent(`select count(*) as n from ${name}`)}`,
      {
        headers: { authorization: `Basic ${login}` },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
    );
    if (!response.ok) throw new PlatformError('SINK_UNAVAILABLE', `OrientDB answered ${response.status} for ${name}`);
    const { result } = (await response.json()) as { result: readonly { n: number }[] };
    return [name, result[0]?.n ?? 0] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}

async function orReason<T>(asking: Promise<T>): Promise<T | string> {
  try {
    return await asking;
  } catch (error) {
    return `not available: ${messageOf(error)}`;
  }
}

function topicText({ source, offsets, waiting }: TopicState): string {
  return `${source.padEnd('cloud'.length)}  ${String(offsets ?? '–').padStart(9)}  ${waiting ?? '–'} to copy`;
}

function asText({ services, lanes, connectors, topics, influx, graph }: Status): string {
  const width = Math.max(
    ...Object.keys(topics).map((name) => name.length),
    ...Object.keys(services).map((name) => name.length),
  );
  const lines = [
    'Services',
    ...Object.entries(services).map(([name, state]) => `  ${name.padEnd(width)}  ${state}`),
    '\nLanes of the replicator',
    ...(typeof lanes === 'string' ? [['', lanes] as const] : Object.entries(lanes)).map(
      ([name, state]) => `  ${name.padEnd(width)}  ${printable(state, LINE_CHARACTERS)}`,
    ),
    '\nConnectors',
    ...(typeof connectors === 'string' ? [['', connectors] as const] : Object.entries(connectors)).map(
      ([name, state]) => `  ${name.padEnd(width)}  ${printable(state, LINE_CHARACTERS)}`,
    ),
    '\nTopics: offsets at the side that writes them, and how many of these are not copied yet',
    ...Object.entries(topics).map(([name, state]) => `  ${name.padEnd(width)}  ${topicText(state)}`),
    '\nNewest values in InfluxDB',
    ...(typeof influx === 'string' ? [influx] : influx).map((line) => `  ${printable(line, LINE_CHARACTERS)}`),
    '\nGraph in OrientDB',
    ...(typeof graph === 'string'
      ? [`  ${graph}`]
      : Object.entries(graph).map(([name, count]) => `  ${name.padEnd(width)}  ${count}`)),
  ];
  return `${lines.join('\n')}\n`;
}
