import { text, yesNo } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';
import { DATA_DIR } from './running-system.ts';

export const STATUS_SETTINGS = {
  dataDir: { about: 'data folder of the `zeelos up` to ask', schema: text.default(DATA_DIR) },
  json: { about: 'print one JSON object', schema: yesNo.default(false), isSwitch: true },
} as const satisfies SettingsTable;
