import type { Api } from '../api.ts';
import type { ResponseReader } from '../response-reader.ts';
import { RESOURCE_TYPES, type ResourceType } from './config-resources.ts';

export interface DescribeConfigsRequest {
  /** `keys`: only these; without it all. A broker is named by its node id. */
  readonly resources: readonly {
    readonly type: ResourceType;
    readonly name: string;
    readonly keys?: readonly string[];
  }[];
}

/** Where a value comes from, by its number on the wire. */
export const CONFIG_SOURCES = [
  'unknown',
  'topic',
  'dynamic broker',
  'dynamic default broker',
  'static broker',
  'default',
  'dynamic broker logger',
  'client metrics',
  'group',
] as const;
export type ConfigSource = (typeof CONFIG_SOURCES)[number];

export interface ConfigValue {
  /** Null when the broker keeps it to itself. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly readOnly: boolean;
}

export interface DescribedConfigs {
  readonly name: string;
  readonly errorCode: number;
  readonly message?: string;
  readonly configs: ReadonlyMap<string, ConfigValue>;
}

export const DESCRIBE_CONFIGS: Api<DescribeConfigsRequest, readonly DescribedConfigs[]> = {
  name: 'DescribeConfigs',
  key: 32,
  versions: [4, 4],
  flexibleFrom: 4,
  encode(writer, { resources }) {
    writer.array(resources, ({ type, name, keys }) => {
      writer.int8(RESOURCE_TYPES[type]);
      writer.string(name);
      writer.arrayLength(keys === undefined ? -1 : keys.length);
      for (const key of keys ?? []) writer.string(key);
      writer.tags();
    });
    writer.bool(false); // synonyms
    writer.bool(false); // documentation
    writer.tags();
  },
  decode(reader) {
    reader.skip(4);
    return reader.array(() => {
      const errorCode = reader.int16();
      const message = reader.nullableString();
      reader.skip(1); // type
      const name = reader.string();
      const configs = new Map(reader.array(() => decodeConfig(reader)));
      reader.tags();
      return { name, errorCode, configs, ...(message === null ? {} : { message }) };
    });
  },
};

function decodeConfig(reader: ResponseReader): [string, ConfigValue] {
  const name = reader.string();
  const value = reader.nullableString();
  const readOnly = reader.bool();
  const source = CONFIG_SOURCES[reader.int8()] ?? 'unknown';
  reader.skip(1); // sensitive
  reader.array(() => {
    reader.string();
    reader.nullableString();
    reader.skip(1);
    reader.tags();
  });
  reader.skip(1); // type
  reader.nullableString(); // documentation
  reader.tags();
  return [name, { value, source, readOnly }];
}
