import { hasCode } from '../../../common/errors.ts';
import { newestSchema } from '../../../common/schema-registry.ts';
import { type Checked, CONNECTOR_CLASSES, checkConfig, checkFields } from '../../config/connector-classes.ts';
import {
  type ConfigFaults,
  type Definition,
  type DefinitionTable,
  givenText,
  type RawConfig,
} from '../../config/definition.ts';
import { shown } from '../secrets.ts';

/** As `checkConfig`, and whether the topics have the fields that the statements name, where the registry can tell. */
export async function checkWithRegistry(config: RawConfig, registryUrl: string): Promise<Checked> {
  const result = checkConfig(config);
  const url = config['value.converter.schema.registry.url'] ?? registryUrl;
  let missing: readonly string[] = [];
  try {
    missing = await checkFields(result.checked, (topic) => newestSchema(url.replace(/\/+$/, ''), `${topic}-value`));
  } catch (error) {
    // A registry that is away says nothing against the configuration.
    if (!hasCode(error, 'REGISTRY_UNAVAILABLE')) throw error;
  }
  if (missing.length === 0) return result;
  const name = 'connect.influx.kcql';
  const faults: ConfigFaults = new Map([
    ...result.faults,
    [name, missing.map((text) => `Invalid value for configuration ${name}: ${text}`)],
  ]);
  return { ...result, faults, checked: undefined };
}

/** The text of Kafka Connect for a configuration that is refused. */
export function refusalText(faults: ConfigFaults): string {
  const all = [...faults.values()].flat();
  return [
    `Connector configuration is invalid and contains the following ${all.length} error(s):`,
    ...all,
    'You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`',
  ].join('\n');
}

export function definitionsOf(table: DefinitionTable): readonly object[] {
  return Object.values(table).map((definition, order) => definitionOf(definition, order));
}

function definitionOf({ names, type, importance, about, schema }: Definition, order: number): object {
  const standard = schema.safeParse(undefined);
  return {
    name: names[0],
    type,
    required: !standard.success,
    default_value: standard.success && standard.data !== undefined ? String(standard.data) : null,
    importance,
    documentation: about,
    group: names[0].split('.').slice(0, 2).join('.'),
    width: 'MEDIUM',
    display_name: names[0],
    dependents: [],
    order,
  };
}

/** The answer of `PUT /connector-plugins/{type}/config/validate`. */
export function validationAnswer(className: string, config: RawConfig, { table, faults }: Checked): object {
  const visible = shown(config);
  const entries = Object.values(table).map((definition, order) => {
    const { name, text } = givenText(definition, visible);
    const description = definitionOf(definition, order) as { default_value: string | null };
    return {
      definition: description,
      value: valueEntry(definition.names[0], text ?? description.default_value, faults.get(name) ?? []),
    };
  });
  const known = new Set(Object.values(table).flatMap(({ names }) => names));
  // Of names that are no settings, and of the parts of transforms.
  const others = [...faults].filter(([name]) => !known.has(name));
  return {
    name: className,
    error_count: [...faults.values()].flat().length,
    groups: [...new Set(Object.values(table).map(({ names }) => names[0].split('.').slice(0, 2).join('.')))],
    configs: [
      ...entries,
      ...others.map(([name, errors]) => ({ definition: null, value: valueEntry(name, visible[name] ?? null, errors) })),
    ],
  };
}

function valueEntry(name: string, value: string | null, errors: readonly string[]): object {
  return { name, value, recommended_values: [], errors, visible: true };
}

export function plugins(version: string): readonly object[] {
  return Object.entries(CONNECTOR_CLASSES).map(([name, { type }]) => ({ class: name, type, version }));
}
