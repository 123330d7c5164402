import { gatewayId, list, oneOf, text, wholeNumber } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';
import { DURABILITIES } from '../stack/server.ts';
import { ANALYSIS_NAMES, type AnalysisName, DEFAULT_ANALYSES } from './edge-analyses.ts';
import { DATA_DIR } from './running-system.ts';

const isAnalysis = (name: string): name is AnalysisName => (ANALYSIS_NAMES as readonly string[]).includes(name);

export const UP_SETTINGS = {
  dataDir: {
    about: 'folder for data, logs and generated secrets; it stays after a stop',
    schema: text.default(DATA_DIR),
  },
  gatewayId: { about: 'id of the gateway', schema: gatewayId.default('gw1') },
  devices: { about: 'simulated LwM2M devices', schema: wholeNumber(0, 1_000).default(2) },
  observe: {
    about: 'paths observed on every device, with commas; * stands for each instance',
    schema: list.default(['/3303/*/5700']),
  },
  analyses: {
    about: `analyses that run at the edge, with commas (${ANALYSIS_NAMES.join(', ')}); each is a process of some 80 MB`,
    schema: list
      .refine((names) => names.every(isAnalysis), `expected names of ${ANALYSIS_NAMES.join(', ')}`)
      .transform((names) => names.filter(isAnalysis))
      .default([...DEFAULT_ANALYSES]),
  },
  alarmRules: {
    about: 'JSON file with the rules of the analysis alarms',
    schema: text.optional(),
    standard: 'a few for the demo',
  },
  edgeDurability: {
    about:
      'what an ACK to a device survives: the end of a process, or also a power failure, at the price of a write to disk per batch (docs/durability.md)',
    schema: oneOf(...DURABILITIES).default('process'),
  },
  portOffset: {
    about: 'added to every standard port, for a second system on one machine',
    schema: wholeNumber(0, 20_000).default(0),
  },
} as const satisfies SettingsTable;
