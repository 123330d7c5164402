import { gatewayId, hostAndPorts, httpUrl, oneOf, text, wholeNumber } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';
import { avroContentFormats } from '../schemas/generated/records.ts';
import { DATA_DIR } from './running-system.ts';

export const REQUEST_SETTINGS = {
  dataDir: { about: 'data folder of the `zeelos up` whose addresses hold', schema: text.default(DATA_DIR) },
  kafkaBrokers: {
    about: 'brokers to send to, host:port with commas; else the cloud of `zeelos up`',
    schema: hostAndPorts.optional(),
  },
  registryUrl: { about: 'Confluent API of the schema registry; else that of `zeelos up`', schema: httpUrl.optional() },
  json: {
    about:
      'a whole request as Avro JSON, as for kafka-avro-console-producer; - reads one from each line of standard input',
    schema: text.optional(),
  },
  gateway: { about: 'gateway for --json, when it is not the serverId of the request', schema: gatewayId.optional() },
  ticket: { about: 'ticket of the request; else a random one', schema: text.optional() },
  requestedBy: {
    about: 'who asks, for the log of commands, when the request itself does not say; else the user of this machine',
    schema: text.optional(),
  },
  format: {
    about: `content format: ${avroContentFormats.join(', ')}; AUTO leaves the choice to the server`,
    schema: oneOf(...avroContentFormats).default('AUTO'),
  },
  mode: { about: 'write mode: REPLACE or UPDATE', schema: oneOf('REPLACE', 'UPDATE').default('REPLACE') },
  type: {
    about:
      'type of the value to write, when the object model does not know the resource: STRING, FLOAT, INTEGER, BOOLEAN, OPAQUE (base64), TIME (ms), OBJLNK (object:instance)',
    schema: oneOf('STRING', 'FLOAT', 'INTEGER', 'BOOLEAN', 'OPAQUE', 'TIME', 'OBJLNK').optional(),
  },
  timeoutMs: {
    about: 'longest wait for the reply, in milliseconds',
    schema: wholeNumber(1, 3_600_000).default(30_000),
  },
} as const satisfies SettingsTable;
