import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TOPICS } from '../schemas/topics.ts';
import type { StackCredentials } from '../stack/stack.ts';
import { INTEGER_VALUE, resultStatements, resultTopics } from './edge-analyses.ts';
import type { SystemAddresses } from './running-system.ts';

/** The connectors of one gateway; a name is also the name of its consumer group, so it stays. */
export const connectorName = {
  influxdb: (gatewayId: string) => `${gatewayId}_influxdb`,
  orientdb: (gatewayId: string) => `${gatewayId}_orientdb`,
  analytics: (gatewayId: string) => `${gatewayId}_analytics`,
} as const;

/** In the data folder. Files of the user's own may lie here too. */
export function connectorsFolder(dataDir: string): string {
  return join(dataDir, 'connectors');
}

export interface ConnectorFilesOptions {
  readonly dataDir: string;
  readonly addresses: SystemAddresses;
  readonly credentials: StackCredentials;
}

/** Writes the connectors of a system as files of a worker: secrets stand in them as references to files. */
export function writeConnectorFiles(o: ConnectorFilesOptions): void {
  const folder = connectorsFolder(o.dataDir);
  mkdirSync(folder, { recursive: true });
  for (const [name, config] of Object.entries(connectorConfigs(o))) {
    const file = join(folder, `${name}.json`);
    // A worker that starts meanwhile reads the old file or the new one.
    writeFileSync(`${file}.new`, `${JSON.stringify({ name, config }, null, 2)}\n`);
    renameSync(`${file}.new`, file);
  }
}

type Config = Readonly<Record<string, string>>;

/** By name. */
export function connectorConfigs({
  addresses,
  credentials: { influx, orientdb },
}: {
  readonly addresses: Pick<SystemAddresses, 'gatewayId' | 'influxUrl' | 'orientPort'>;
  readonly credentials: Pick<StackCredentials, 'influx' | 'orientdb'>;
}): Readonly<Record<string, Config>> {
  const { gatewayId, influxUrl, orientPort } = addresses;
  const influxSink = {
    'connector.class': 'InfluxSinkConnector',
    'connect.influx.url': influxUrl,
    'connect.influx.org': influx.org,
    'connect.influx.db': influx.bucket,
    'connect.influx.token': secret(influx.tokenFile),
  };
  return {
    [connectorName.influxdb(gatewayId)]: {
      ...influxSink,
      topics: [TOPICS.observations, TOPICS.replies].map((row) => row.nameFor(gatewayId)).join(','),
    },
    [connectorName.orientdb(gatewayId)]: {
      'connector.class': 'OrientSinkConnector',
      topics: TOPICS.registrations.nameFor(gatewayId),
      'connect.orient.url': `remote:127.0.0.1:${orientPort}/${orientdb.database}`,
      'connect.orient.user': orientdb.user,
      'connect.orient.password': secret(orientdb.passwordFile),
    },
    [connectorName.analytics(gatewayId)]: {
      ...influxSink,
      topics: resultTopics(gatewayId).join(','),
      'connect.influx.kcql': resultStatements(gatewayId),
      transforms: 'flatten,cast',
      'transforms.flatten.type': 'org.apache.kafka.connect.transforms.Flatten$Value',
      'transforms.cast.type': 'org.apache.kafka.connect.transforms.Cast$Value',
      'transforms.cast.spec': `${INTEGER_VALUE}:float64`,
    },
  };
}

function secret(file: string): string {
  return `\${directory:${dirname(file)}:${basename(file)}}`;
}
