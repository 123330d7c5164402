import { port, text, wholeNumber, yesNo } from '../../common/setting-types.ts';
import type { SettingsTable } from '../../common/settings.ts';
import { MAX_LIFETIME_SECONDS } from '../../lwm2m/client/server-object.ts';
import { coapUri } from '../coap-uri.ts';

/** Sub-command `simulate`. */
export const SIMULATOR_SETTINGS = {
  serverUri: {
    about: 'the LwM2M server, coap://host:port',
    schema: coapUri.default({ host: '127.0.0.1', port: 5683 }),
    standard: 'coap://127.0.0.1:5683',
  },
  count: { about: 'number of simulated devices', schema: wholeNumber(1, 20_000).default(1) },
  prefix: { about: 'endpoint names are this prefix and a number from 1', schema: text.default('sim-') },
  lifetimeSeconds: {
    about: 'registration lifetime in seconds',
    schema: wholeNumber(1, MAX_LIFETIME_SECONDS).default(300),
  },
  intervalMs: {
    about: 'time between two readings of a sensor, in ms',
    schema: wholeNumber(10, 86_400_000).default(1_000),
  },
  startsPerSecond: { about: 'devices started per second', schema: wholeNumber(1, 10_000).default(100) },
  confirmable: { about: 'whether notifications ask for an acknowledgement: yes or no', schema: yesNo.default(true) },
  healthAddress: { about: 'address of /metrics, /healthz and /readyz', schema: text.default('127.0.0.1') },
  healthPort: { about: 'port of /metrics, /healthz and /readyz', schema: port.default(9132) },
} satisfies SettingsTable;

/** Sub-command `simulate-modbus`. */
export const MODBUS_SIMULATOR_SETTINGS = {
  modbusAddress: { about: 'address the Modbus TCP server listens on', schema: text.default('127.0.0.1') },
  modbusPort: { about: 'port the Modbus TCP server listens on', schema: wholeNumber(1, 65_535).default(5_002) },
  intervalMs: {
    about: 'time between two changes of the registers, in ms',
    schema: wholeNumber(10, 86_400_000).default(1_000),
  },
  healthAddress: { about: 'address of /metrics, /healthz and /readyz', schema: text.default('127.0.0.1') },
  healthPort: { about: 'port of /metrics, /healthz and /readyz', schema: port.default(9130) },
} satisfies SettingsTable;
