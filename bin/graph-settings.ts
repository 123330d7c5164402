import { oneOf, port, text, wholeNumber, yesNo } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';
import { GRAPH_DEPTHS } from '../connectors/orientdb/queries/server-graph.ts';
import { DATA_DIR } from './running-system.ts';

export const GRAPH_SETTINGS = {
  dataDir: { about: 'data folder of the `zeelos up` whose OrientDB is asked', schema: text.default(DATA_DIR) },
  depth: {
    about: `how deep the tree goes: ${GRAPH_DEPTHS.join(', ')}`,
    schema: oneOf(...GRAPH_DEPTHS).default('objects'),
  },
  query: { about: 'name of a saved query to run instead; docs/commands/graph.md lists them', schema: text.optional() },
  param: {
    about: 'value of a parameter of the query, as name=value; once for each',
    schema: text.transform((lines) => lines.split('\n')).optional(),
    isRepeatable: true,
  },
  limit: {
    about: 'most devices of the tree, or rows of the query; what is left out is said',
    schema: wholeNumber(1, 100_000).default(100),
  },
  json: { about: 'print one JSON object', schema: yesNo.default(false), isSwitch: true },
  orientHost: { about: 'host of OrientDB', schema: text.default('127.0.0.1') },
  orientPort: { about: 'port of its binary protocol; else that of `zeelos up`', schema: port.optional() },
  orientDatabase: { about: 'database that holds the graph', schema: text.default('zeelosdb') },
  orientUser: { about: 'user of the database', schema: text.default('root') },
  orientPasswordFile: {
    about: 'file that holds the password of the user; else that of `zeelos up`',
    schema: text.optional(),
  },
} as const satisfies SettingsTable;
