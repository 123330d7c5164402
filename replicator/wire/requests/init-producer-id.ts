import type { Api } from '../api.ts';

export interface InitProducerIdRequest {
  /** Null for a producer that is idempotent only. */
  readonly transactionalId: string | null;
  readonly transactionTimeoutMs: number;
  /** What this producer had before: the coordinator then refuses if another has taken the transactional id since (KIP-360). */
  readonly previous?: { readonly producerId: bigint; readonly producerEpoch: number } | undefined;
}

export interface InitProducerIdResponse {
  readonly errorCode: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** With a transactional id it goes to the coordinator, aborts what an earlier producer left open and fences it off. */
export const INIT_PRODUCER_ID: Api<InitProducerIdRequest, InitProducerIdResponse> = {
  name: 'InitProducerId',
  key: 22,
  versions: [4, 5],
  flexibleFrom: 2,
  encode(writer, { transactionalId, transactionTimeoutMs, previous }) {
    writer.string(transactionalId);
    writer.int32(transactionTimeoutMs);
    writer.bigInt64(previous?.producerId ?? -1n);
    writer.int16(previous?.producerEpoch ?? -1);
    writer.tags();
  },
  decode(reader) {
    reader.skip(4);
    return { errorCode: reader.int16(), producerId: reader.bigInt64(), producerEpoch: reader.int16() };
  },
};
