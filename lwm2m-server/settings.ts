import { gatewayId, hostAndPorts, httpUrl, list, port, text, wholeNumber, yesNo } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';

export const LWM2M_SERVER_SETTINGS = {
  gatewayId: { about: 'id of this gateway: names its topics and is the serverId of its records', schema: gatewayId },
  kafkaBrokers: { about: 'brokers of the Kafka on this gateway, host:port with commas', schema: hostAndPorts },
  registryUrl: {
    about: 'Confluent API of the cloud schema registry; asked only until this gateway is enrolled',
    schema: httpUrl,
  },
  snapshotFile: {
    about: 'file that keeps schema ids and schemas, so that the gateway boots without the registry',
    schema: text,
  },
  coapAddress: { about: 'address of the CoAP socket', schema: text.default('127.0.0.1') },
  coapPort: { about: 'UDP port of the CoAP socket', schema: port.default(5683) },
  rest: { about: 'serve the REST interface: yes or no', schema: yesNo.default(true), standard: 'yes' },
  restAddress: {
    about: 'address of the REST interface; any other than loopback needs a token',
    schema: text.default('127.0.0.1'),
  },
  restPort: { about: 'TCP port of the REST interface; 0 chooses one', schema: port.default(8080) },
  restTokenFile: {
    about: 'file (mode 0600) with the bearer token that REST requests must carry',
    schema: text.optional(),
  },
  healthAddress: { about: 'address of the health and metrics port', schema: text.default('127.0.0.1') },
  healthPort: { about: 'TCP port of /metrics, /healthz and /readyz; 0 chooses one', schema: port.default(9100) },
  observe: {
    about:
      'paths to observe on every device that registers, with commas; * stands for each announced instance, for example /3303/*/5700',
    schema: list.default([]),
  },
  modelsDir: {
    about:
      "folder of object definitions as OMA's XML, subfolders included, read at start over the built-in ones; a checkout of the OMA registry will do",
    schema: text.optional(),
  },
  profilesFile: {
    about: 'JSON file that says what is wanted of which devices (docs/profiles.md); read again when it changes',
    schema: text.optional(),
  },
  maxRegistrations: {
    about: 'devices that may be registered at once; further ones get 5.03',
    schema: wholeNumber(1, 1_000_000).default(100_000),
  },
  requestTimeoutMs: {
    about: 'longest wait for the answer of a device to a command, in milliseconds',
    schema: wholeNumber(100, 3_600_000).default(120_000),
  },
} as const satisfies SettingsTable;
