import type { z } from 'zod';

/** A connector's configuration, as it stands in a file or comes by REST: text by name. */
export type RawConfig = Readonly<Record<string, string>>;

/** Kafka Connect's names for types of a setting. */
export type ConfigType = 'STRING' | 'INT' | 'LONG' | 'BOOLEAN' | 'LIST' | 'PASSWORD';

/** One setting of a connector; `schema` takes the text. */
export interface Definition<T extends z.ZodType = z.ZodType> {
  /** The name it is known by, then other names for the same. */
  readonly names: readonly [string, ...string[]];
  readonly type: ConfigType;
  readonly importance: 'HIGH' | 'MEDIUM' | 'LOW';
  /** One sentence with the unit. */
  readonly about: string;
  readonly schema: T;
}

export type DefinitionTable = Readonly<Record<string, Definition>>;
export type ConfigOf<T extends DefinitionTable> = { readonly [K in keyof T]: z.output<T[K]['schema']> };

/** What is wrong, by the name of the setting. */
export type ConfigFaults = ReadonlyMap<string, readonly string[]>;

/** The text of a setting, by whichever of its names it was given. */
export function givenText({ names }: Definition, config: RawConfig): { name: string; text: string | undefined } {
  const name = names.find((one) => config[one] !== undefined) ?? names[0];
  return { name, text: config[name] };
}

/** Values of all settings in the table, and what is wrong with them; what the table does not name is not looked at. */
export function parseTable<T extends DefinitionTable>(
  table: T,
  config: RawConfig,
): { readonly values: Partial<ConfigOf<T>>; readonly faults: ConfigFaults } {
  const values: Record<string, unknown> = {};
  const faults = new Map<string, readonly string[]>();
  for (const [key, definition] of Object.entries(table)) {
    const { name, text } = givenText(definition, config);
    const result = definition.schema.safeParse(text);
    if (result.success) values[key] = result.data;
    else if (text === undefined)
      faults.set(name, [`Missing required configuration "${name}" which has no default value.`]);
    else
      faults.set(
        name,
        result.error.issues.map((issue) => `Invalid value for configuration ${name}: ${issue.message}`),
      );
  }
  return { values: values as Partial<ConfigOf<T>>, faults };
}
