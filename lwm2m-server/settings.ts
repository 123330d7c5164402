import { gatewayId, hostAndPorts, httpUrl, list, port, text, wholeNumber, yesNo } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';
import { AWAKE_WINDOW_MS, COMMAND_QUEUE_LIMIT, COMMAND_QUEUE_TTL_MS } from './queue-mode/queue-defaults.ts';

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
  firmwareDir: {
    about:
      'folder whose files registered devices may pull from coap://<this server>/fw/<name> (Package URI, /5/0/1); 100 MiB each at most',
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
  awakeWindowMs: {
    about:
      'how long a device in queue mode listens after each message of its own, in milliseconds (RFC 7252: MAX_TRANSMIT_WAIT)',
    schema: wholeNumber(100, 86_400_000).default(AWAKE_WINDOW_MS),
  },
  commandQueueTtlMs: {
    about: 'how long a command waits for a device that sleeps or is away when it has no expiresAt, in milliseconds',
    schema: wholeNumber(1, 31_536_000_000).default(COMMAND_QUEUE_TTL_MS),
  },
  commandQueueLimit: {
    about: 'commands that may wait for devices that sleep or are away; a further one is answered at once',
    schema: wholeNumber(1, 1_000_000).default(COMMAND_QUEUE_LIMIT),
  },
} as const satisfies SettingsTable;
