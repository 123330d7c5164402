import { yesNo } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';

export const SMOKE_SETTINGS = {
  short: { about: 'let the cloud be away for 10 s instead of 60', schema: yesNo.default(false), isSwitch: true },
  keep: { about: 'leave the temporary folder with data and logs', schema: yesNo.default(false), isSwitch: true },
} as const satisfies SettingsTable;
