import { messageOf, PlatformError } from '../../common/errors.ts';
import type { RawConfig } from './definition.ts';
import { parseProperties } from './properties.ts';

export interface NamedConfig {
  readonly name: string;
  readonly config: RawConfig;
}

/**
 * A connector in a file: `.json` as it is sent by REST, `{name, config}` or the settings alone, or `.properties` as a standalone worker of
 * Kafka Connect takes it. Errors: CONFIG_INVALID.
 */
export function readConnectorFile(file: string, text: string): NamedConfig {
  const config = file.endsWith('.properties') ? parseProperties(text) : readJson(file, text);
  const { name } = config;
  if (name === undefined || name === '')
    throw new PlatformError('CONFIG_INVALID', `${file}: the connector has no name`);
  return { name, config };
}

function readJson(file: string, text: string): RawConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `${file} is no JSON: ${messageOf(cause)}`, { cause });
  }
  return connectorOf(value, file);
}

/** The settings of `{name, config}` or of settings alone. Errors: CONFIG_INVALID. */
export function connectorOf(value: unknown, where: string): RawConfig {
  const given = asTable(value, where);
  if (typeof given.config !== 'object') return textsOf(given, where);
  const config = textsOf(asTable(given.config, where), where);
  return given.name === undefined ? config : { ...config, name: String(given.name) };
}

/** Kafka Connect takes numbers and booleans for text too. */
export function textsOf(table: Readonly<Record<string, unknown>>, where: string): RawConfig {
  const entries = Object.entries(table).filter(([, value]) => value !== null);
  for (const [name, value] of entries)
    if (typeof value === 'object') throw new PlatformError('CONFIG_INVALID', `${where}: ${name} must be text`);
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function asTable(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PlatformError('CONFIG_INVALID', `${where}: expected an object of settings`);
  return value as Readonly<Record<string, unknown>>;
}
