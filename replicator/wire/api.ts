import type { RequestWriter } from './request-writer.ts';
import type { ResponseReader } from './response-reader.ts';

/** One request of Kafka's protocol: how it is written, how its answer is read, which versions of it are known here. */
export interface Api<Req, Res> {
  readonly name: string;
  readonly key: number;
  readonly versions: readonly [min: number, max: number];
  /** First version with compact fields and tags (KIP-482). */
  readonly flexibleFrom: number;
  /** Highest version that the cluster's finalized features allow; without it all of `versions`. */
  readonly highestUnder?: (feature: (name: string) => number) => number;
  encode(writer: RequestWriter, request: Req, version: number): void;
  decode(reader: ResponseReader, version: number): Res;
}

/** What a partition answers; `errorCode` 0 is none (see broker-errors.ts). */
export interface PartitionResult {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
}
