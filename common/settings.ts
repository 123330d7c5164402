import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { PlatformError } from './errors.ts';

/**
 * One setting. Its environment variable and flag follow from its name: `gatewayId` is ZEELOS_GATEWAY_ID and --gateway-id.
 * Secrets are never settings: a setting names the file that holds one.
 */
export interface Setting<T extends z.ZodType = z.ZodType> {
  /** One sentence with the unit. */
  readonly about: string;
  /** Takes the text of the variable or flag; bounds and defaults stand here. */
  readonly schema: T;
  /** Its flag stands alone, without a value, and means `yes`. */
  readonly isSwitch?: true;
  /** Its flag may be given several times; the schema takes the values as lines of one text. */
  readonly isRepeatable?: true;
  /** The default as one would write it, where the parsed value does not show it. */
  readonly standard?: string;
}

export type SettingsTable = Readonly<Record<string, Setting>>;
export type SettingsOf<T extends SettingsTable> = { readonly [K in keyof T]: z.output<T[K]['schema']> };

const PREFIX = 'ZEELOS_';

/** Read by every process, so never an unknown name. */
const COMMON_VARIABLES = new Set(['ZEELOS_LOG_LEVEL', 'ZEELOS_CACHE']);

export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function variableOf(name: string): string {
  return PREFIX + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

export interface SettingsInput {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Variables that belong to other services and are therefore not mistakes here. */
  readonly otherVariables?: ReadonlySet<string>;
}

export interface ParsedSettings<T extends SettingsTable> {
  readonly settings: SettingsOf<T>;
  readonly positionals: readonly string[];
}

/**
 * Flags beat variables beat defaults. All faults are reported together in one CONFIG_INVALID; an unknown flag or an unknown
 * variable with our prefix is a fault.
 */
export function parseSettings<T extends SettingsTable>(table: T, input: SettingsInput): ParsedSettings<T> {
  const faults: string[] = [];
  const { values, positionals } = readFlags(table, input.args, faults);
  const settings: Record<string, unknown> = {};
  for (const [name, { schema }] of Object.entries(table)) {
    const raw = values[flagOf(name)] ?? input.env[variableOf(name)];
    const result = schema.safeParse(raw);
    if (result.success) settings[name] = result.data;
    else
      faults.push(
        `--${flagOf(name)} (${variableOf(name)}): ${raw === undefined ? 'required' : result.error.issues.map((issue) => issue.message).join(', ')}`,
      );
  }
  const known = new Set(Object.keys(table).map(variableOf));
  for (const variable of Object.keys(input.env)) {
    if (!variable.startsWith(PREFIX) || known.has(variable)) continue;
    if (!COMMON_VARIABLES.has(variable) && input.otherVariables?.has(variable) !== true)
      faults.push(`${variable}: no such setting`);
  }
  if (faults.length > 0) throw new PlatformError('CONFIG_INVALID', faults.join('; '));
  return { settings: settings as SettingsOf<T>, positionals };
}

function readFlags(
  table: SettingsTable,
  args: readonly string[],
  faults: string[],
): { values: Record<string, string | undefined>; positionals: string[] } {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { isSwitch, isRepeatable }]) => [
      flagOf(name),
      { type: isSwitch === true ? ('boolean' as const) : ('string' as const), multiple: isRepeatable === true },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    const texts = Object.entries(values).map(([flag, value]) => {
      return [flag, Array.isArray(value) ? value.join('\n') : value === true ? 'yes' : value] as const;
    });
    return { values: Object.fromEntries(texts) as Record<string, string | undefined>, positionals };
  } catch (error) {
    faults.push((error as Error).message.split('. ')[0]!);
    return { values: {}, positionals: [] };
  }
}

/** What `--help` prints and docs/settings.md shows for one table. */
export function settingsHelp(
  table: SettingsTable,
): readonly { flag: string; variable: string; about: string; standard: string }[] {
  return Object.entries(table).map(([name, { about, schema, standard: written }]) => {
    const standard = schema.safeParse(undefined);
    const parsed = !standard.success ? 'required' : standard.data === undefined ? '–' : String(standard.data);
    const text = written ?? parsed;
    return { flag: `--${flagOf(name)}`, variable: variableOf(name), about, standard: text === '' ? '–' : text };
  });
}
