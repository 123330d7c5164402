import { gatewayId, hostAndPorts, httpUrl, list, port, text, wholeNumber } from '../../common/setting-types.ts';
import type { SettingsOf, SettingsTable } from '../../common/settings.ts';

export const CONNECT_SETTINGS = {
  kafkaBrokers: { about: 'brokers of the Kafka whose topics are taken, host:port with commas', schema: hostAndPorts },
  registryUrl: { about: 'Confluent API of the schema registry', schema: httpUrl },
  groupId: {
    about: 'workers of one group id share their connectors; prefix of their topics',
    schema: gatewayId.default('zeelos-connect'),
  },
  connectorsFolder: {
    about: 'folder of .json and .properties files: connectors that are made, or changed, at the start',
    schema: text.optional(),
  },
  secretFolders: {
    about: 'folders that references to files in a configuration may lead into, with commas',
    schema: list.default([]),
    standard: '',
  },
  modelsDir: {
    about:
      "folder of object definitions for the graph, as OMA's XML, subfolders included, read at start over the built-in ones; a checkout of the OMA registry will do",
    schema: text.optional(),
  },
  restAddress: {
    about: 'address of the REST interface; off loopback it needs a token',
    schema: text.default('127.0.0.1'),
  },
  restPort: { about: 'TCP port of the REST interface; 0 chooses one', schema: port.default(8083) },
  restTokenFile: { about: 'file with the bearer token that requests must show', schema: text.optional() },
  advertisedHost: { about: 'host in the worker id; the REST address when absent', schema: text.optional() },
  sessionSeconds: {
    about: 'how long the others wait for a worker that says nothing, in seconds',
    schema: wholeNumber(6, 300).default(10),
  },
  healthAddress: { about: 'address of the health and metrics port', schema: text.default('127.0.0.1') },
  healthPort: { about: 'TCP port of /metrics, /healthz and /readyz; 0 chooses one', schema: port.default(9122) },
} as const satisfies SettingsTable;

export type ConnectSettings = SettingsOf<typeof CONNECT_SETTINGS>;
