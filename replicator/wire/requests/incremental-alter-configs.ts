import type { Api } from '../api.ts';
import { RESOURCE_TYPES, type ResourceType } from './config-resources.ts';

export interface IncrementalAlterConfigsRequest {
  /** A value of null goes back to the default; settings not named stay as they are (KIP-339). */
  readonly resources: readonly {
    readonly type: ResourceType;
    readonly name: string;
    readonly set: Readonly<Record<string, string | null>>;
  }[];
  readonly validateOnly?: boolean;
}

export interface AlteredConfigs {
  readonly name: string;
  readonly errorCode: number;
  readonly message?: string;
}

const SET = 0;
const DELETE = 1;

export const INCREMENTAL_ALTER_CONFIGS: Api<IncrementalAlterConfigsRequest, readonly AlteredConfigs[]> = {
  name: 'IncrementalAlterConfigs',
  key: 44,
  versions: [1, 1],
  flexibleFrom: 1,
  encode(writer, { resources, validateOnly = false }) {
    writer.array(resources, ({ type, name, set }) => {
      writer.int8(RESOURCE_TYPES[type]);
      writer.string(name);
      writer.array(Object.entries(set), ([key, value]) => {
        writer.string(key);
        writer.int8(value === null ? DELETE : SET);
        writer.string(value);
        writer.tags();
      });
      writer.tags();
    });
    writer.bool(validateOnly);
    writer.tags();
  },
  decode(reader) {
    reader.skip(4);
    return reader.array(() => {
      const errorCode = reader.int16();
      const message = reader.nullableString();
      reader.skip(1); // type
      const name = reader.string();
      reader.tags();
      return { name, errorCode, ...(message === null ? {} : { message }) };
    });
  },
};
