import type { Api } from '../api.ts';
import { BROKER_ERROR } from '../broker-errors.ts';
import type { ResponseReader } from '../response-reader.ts';

export interface ApiVersionsRequest {
  readonly softwareName: string;
  readonly softwareVersion: string;
}

export interface ApiVersionsResponse {
  readonly errorCode: number;
  /** Lowest and highest version the broker takes, by request key. */
  readonly ranges: ReadonlyMap<number, readonly [min: number, max: number]>;
  /** Level of each finalized feature of the cluster. */
  readonly features: ReadonlyMap<string, number>;
}

const FINALIZED_FEATURES = 2;

/** The first request of a connection. Its answer has no tags in the header, and version 0 when the broker knows no such version (KIP-511). */
export const API_VERSIONS: Api<ApiVersionsRequest, ApiVersionsResponse> = {
  name: 'ApiVersions',
  key: 18,
  versions: [3, 3],
  flexibleFrom: 3,
  encode(writer, { softwareName, softwareVersion }) {
    writer.string(softwareName);
    writer.string(softwareVersion);
    writer.tags();
  },
  decode(reader) {
    const errorCode = reader.int16();
    if (errorCode === BROKER_ERROR.UNSUPPORTED_VERSION) reader.flexible = false;
    const ranges = new Map(reader.array(() => decodeRange(reader)));
    const features = new Map<string, number>();
    if (errorCode !== 0) return { errorCode, ranges, features };
    reader.skip(4);
    reader.tags((tag) => {
      if (tag === FINALIZED_FEATURES) for (const [name, level] of decodeFeatures(reader)) features.set(name, level);
    });
    return { errorCode, ranges, features };
  },
};

function decodeRange(reader: ResponseReader): [number, readonly [number, number]] {
  const range: [number, readonly [number, number]] = [reader.int16(), [reader.int16(), reader.int16()]];
  reader.tags();
  return range;
}

function decodeFeatures(reader: ResponseReader): [string, number][] {
  return reader.array((): [string, number] => {
    const name = reader.string();
    const level = reader.int16();
    reader.skip(2); // lowest level
    reader.tags();
    return [name, level];
  });
}
