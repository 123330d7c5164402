import { type Checked, CONNECTOR_CLASSES } from '../../config/connector-classes.ts';
import {
  type ConfigFaults,
  type Definition,
  type DefinitionTable,
  givenText,
  type RawConfig,
} from '../../config/definition.ts';
import { shown } from '../secrets.ts';

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
