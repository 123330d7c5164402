import { messageOf } from '../../common/errors.ts';
import { fieldsFor, type Transform } from '../fields/transforms.ts';
import { faultsOf } from '../kcql/compile.ts';
import { parseKcql } from '../kcql/parse.ts';
import { ANY_TOPIC, type Statement } from '../kcql/statement.ts';
import { orientFaultsOf } from '../orientdb/kcql-faults.ts';
import type { SinkTopic } from '../sink.ts';
import { CONNECTOR_CONFIG, WITHOUT_EFFECT } from './common-config.ts';
import {
  type ConfigFaults,
  type ConfigOf,
  type Definition,
  type DefinitionTable,
  givenText,
  parseTable,
  type RawConfig,
} from './definition.ts';
import { INFLUX_SINK_CONFIG, INFLUX_SOURCE_CONFIG } from './influx-config.ts';
import { ORIENT_SINK_CONFIG } from './orient-config.ts';
import { hasReference } from './references.ts';
import { checkRowTopics, checkStatementTopics, checkTopicSource, type TopicSource } from './sink-topics.ts';
import { parseTransforms } from './transform-config.ts';

export type InfluxSinkConfig = ConfigOf<typeof INFLUX_SINK_CONFIG>;
export type InfluxSourceConfig = ConfigOf<typeof INFLUX_SOURCE_CONFIG>;
export type OrientSinkConfig = ConfigOf<typeof ORIENT_SINK_CONFIG>;

/** A configuration without faults. */
export type CheckedConfig =
  | {
      readonly kind: 'influxSink';
      readonly values: InfluxSinkConfig;
      /** Empty: the mapping that is built in. */
      readonly statements: readonly Statement[];
      readonly transforms: readonly Transform[];
    }
  | {
      readonly kind: 'orientSink';
      readonly values: OrientSinkConfig;
      /** Empty: registrations as the graph. */
      readonly statements: readonly Statement[];
      readonly transforms: readonly Transform[];
    }
  | { readonly kind: 'influxSource'; readonly values: InfluxSourceConfig };

/** What a sink makes of its records. */
export type Mapping = Pick<Extract<CheckedConfig, { kind: 'influxSink' | 'orientSink' }>, 'statements' | 'transforms'>;

export interface ConnectorClass {
  readonly kind: CheckedConfig['kind'];
  readonly type: 'sink' | 'source';
  /** Names that `connector.class` may have besides the class's own; the last part of a name with dots is enough. */
  readonly aliases: readonly string[];
  readonly table: DefinitionTable;
}

export const CONNECTOR_CLASSES = {
  InfluxSinkConnector: {
    kind: 'influxSink',
    type: 'sink',
    aliases: ['influxdb-sink', 'InfluxSink', 'InfluxDBSinkConnector'],
    table: INFLUX_SINK_CONFIG,
  },
  OrientSinkConnector: {
    kind: 'orientSink',
    type: 'sink',
    aliases: ['orientdb-sink', 'LeshanSinkAssetConnector', 'LeshanSinkAsset'],
    table: ORIENT_SINK_CONFIG,
  },
  InfluxSourceConnector: {
    kind: 'influxSource',
    type: 'source',
    aliases: ['influxdb-source', 'InfluxSource', 'InfluxdbSourceConnector'],
    table: INFLUX_SOURCE_CONFIG,
  },
} as const satisfies Readonly<Record<string, ConnectorClass>>;

/** What the mappings that are built in take. */
export const ROW_TOPICS = {
  influxSink: ['observations', 'replies'],
  orientSink: ['registrations'],
} as const satisfies Partial<Record<CheckedConfig['kind'], readonly SinkTopic[]>>;

export type ConnectorClassName = keyof typeof CONNECTOR_CLASSES;

/** The class that a configuration names, by any package name in front of it. */
export function connectorClassOf(
  name: string | undefined,
): { className: ConnectorClassName; row: ConnectorClass } | undefined {
  const last = (name ?? '').split('.').at(-1);
  for (const [className, row] of Object.entries(CONNECTOR_CLASSES) as [ConnectorClassName, ConnectorClass][])
    if (last === className || row.aliases.some((alias) => alias === last)) return { className, row };
  return undefined;
}

export interface Checked {
  readonly className: ConnectorClassName | undefined;
  readonly table: DefinitionTable;
  readonly faults: ConfigFaults;
  /** Present when there is no fault and no reference to a file is left in it. */
  readonly checked: CheckedConfig | undefined;
  /** Of a sink without faults, also when other settings of it refer to files. */
  readonly mapping: Mapping | undefined;
}

/** Checks a configuration by itself, all faults together. References to files are not followed: what holds one counts as right. */
export function checkConfig(config: RawConfig): Checked {
  const found = connectorClassOf(config['connector.class']);
  const faults = new Map<string, string[]>();
  const add = (name: string, text: string) => faults.set(name, [...(faults.get(name) ?? []), text]);
  if (found === undefined) {
    const names = Object.keys(CONNECTOR_CLASSES).join(', ');
    const { faults: others } = parseTable(CONNECTOR_CONFIG, config);
    for (const [name, texts] of others) for (const text of texts) add(name, text);
    if (!faults.has('connector.class'))
      add(
        'connector.class',
        `Failed to find any class that is called ${config['connector.class']}; there are ${names}`,
      );
    return { className: undefined, table: CONNECTOR_CONFIG, faults, checked: undefined, mapping: undefined };
  }
  const { table, kind } = found.row;
  const parsed = parseTable(table, config);
  const open = new Set(
    Object.entries(config)
      .filter(([, text]) => hasReference(text))
      .map(([name]) => name),
  );
  for (const [name, texts] of parsed.faults) if (!open.has(name)) for (const text of texts) add(name, text);
  const transforms = parseTransforms(config);
  for (const [name, texts] of transforms.faults) for (const text of texts) add(name, text);
  if (found.row.type === 'sink')
    checkTopicSource(parsed.values as TopicSource, (name) => (config[name] ?? '').trim() !== '', add);
  reportUnknown(config, table, found.row.type === 'sink' ? transforms.names : new Set(), add);
  const checked =
    faults.size > 0 && open.size === 0
      ? undefined
      : checkedConfig(kind, parsed.values, config, transforms.transforms, add);
  const sound = faults.size > 0 ? undefined : checked;
  return {
    ...{ className: found.className, table, faults },
    checked: open.size > 0 ? undefined : sound,
    mapping: sound === undefined || sound.kind === 'influxSource' ? undefined : sound,
  };
}

type AddFault = (name: string, text: string) => void;

function reportUnknown(config: RawConfig, table: DefinitionTable, others: ReadonlySet<string>, add: AddFault): void {
  const known = new Set(Object.values(table).flatMap(({ names }: Definition) => names));
  for (const name of Object.keys(config)) {
    if (known.has(name) || others.has(name) || WITHOUT_EFFECT.some((pattern) => pattern.test(name))) continue;
    add(name, `There is no setting ${name}`);
  }
}

function checkedConfig(
  kind: CheckedConfig['kind'],
  values: Readonly<Record<string, unknown>>,
  config: RawConfig,
  transforms: readonly Transform[],
  add: AddFault,
): CheckedConfig | undefined {
  const given = (definition: Definition) => (givenText(definition, config).text ?? '') !== '';
  switch (kind) {
    case 'influxSink': {
      checkInfluxAccess(given, add);
      const sink = values as InfluxSinkConfig;
      const statements = statementsOf('connect.influx.kcql', kind, sink, transforms, add);
      for (const { primaryKey } of statements)
        if (primaryKey.length > 0)
          add('connect.influx.kcql', 'InfluxDB has no primary key: its tags and its time are the key');
      return { kind, values: sink, statements, transforms };
    }
    case 'orientSink': {
      const sink = values as OrientSinkConfig;
      const statements = statementsOf('connect.orient.kcql', kind, sink, transforms, add);
      for (const fault of orientFaultsOf(statements))
        add('connect.orient.kcql', `Invalid value for configuration connect.orient.kcql: ${fault}`);
      return { kind, values: sink, statements, transforms };
    }
    case 'influxSource': {
      checkInfluxAccess(given, add);
      return { kind, values: values as InfluxSourceConfig };
    }
  }
}

function checkInfluxAccess(given: (definition: Definition) => boolean, add: AddFault): void {
  const { token, username, password } = INFLUX_SINK_CONFIG;
  if (given(token) || (given(username) && given(password))) return;
  add('connect.influx.token', 'Give a token, or connect.influx.username and connect.influx.password');
}

function statementsOf(
  name: string,
  kind: 'influxSink' | 'orientSink',
  sink: InfluxSinkConfig | OrientSinkConfig,
  transforms: readonly Transform[],
  add: AddFault,
): readonly Statement[] {
  const { kcql } = sink;
  if (kcql === undefined || kcql.trim() === '') {
    if (transforms.length > 0) add('transforms', 'Transforms need a KCQL that names what they make');
    checkRowTopics(sink.topics, ROW_TOPICS[kind], add);
    return [];
  }
  let statements: readonly Statement[];
  try {
    statements = parseKcql(kcql);
  } catch (error) {
    add(name, `Invalid value for configuration ${name}: ${messageOf(error)}`);
    return [];
  }
  checkStatementTopics(statements, sink, (text) => add(name, text));
  return statements;
}

/** Fields that the statements name and the topic's newest schema lacks. @param schemaOf undefined when the registry does not know the topic */
export async function checkFields(
  mapping: Mapping | undefined,
  schemaOf: (topic: string) => Promise<unknown | undefined>,
): Promise<readonly string[]> {
  if (mapping === undefined) return [];
  const { statements, transforms } = mapping;
  const faults: string[] = [];
  for (const statement of statements) {
    if (statement.topic === ANY_TOPIC) continue;
    const schema = await schemaOf(statement.topic);
    if (schema !== undefined) faults.push(...faultsOf(statement, fieldsFor(schema, transforms)));
  }
  return faults;
}
