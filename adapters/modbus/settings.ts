import { port, text } from '../../common/setting-types.ts';
import type { SettingsTable } from '../../common/settings.ts';
import { coapUri } from '../coap-uri.ts';

export const MODBUS_SETTINGS = {
  mappingFile: {
    about: 'JSON file that says which registers of which Modbus units are which LwM2M resources',
    schema: text,
  },
  serverUri: {
    about: 'the LwM2M server, coap://host:port',
    schema: coapUri.default({ host: '127.0.0.1', port: 5683 }),
    standard: 'coap://127.0.0.1:5683',
  },
  healthAddress: { about: 'address of /metrics, /healthz and /readyz', schema: text.default('127.0.0.1') },
  healthPort: { about: 'port of /metrics, /healthz and /readyz', schema: port.default(9131) },
} satisfies SettingsTable;
