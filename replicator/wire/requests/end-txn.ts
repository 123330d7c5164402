import type { Api } from '../api.ts';
import { transactionsV2 } from '../features.ts';

export interface EndTxnRequest {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly committed: boolean;
}

export interface EndTxnResponse {
  readonly errorCode: number;
  /** From version 5: what the next transaction must carry, its sequences starting at 0 (KIP-890). Absent before, and with an error. */
  readonly producerId?: bigint;
  readonly producerEpoch?: number;
}

const UNKNOWN = -1n;

export const END_TXN: Api<EndTxnRequest, EndTxnResponse> = {
  name: 'EndTxn',
  key: 26,
  versions: [3, 5],
  flexibleFrom: 3,
  highestUnder: (feature) => (transactionsV2(feature) ? 5 : 4),
  encode(writer, { transactionalId, producerId, producerEpoch, committed }) {
    writer.string(transactionalId);
    writer.bigInt64(producerId);
    writer.int16(producerEpoch);
    writer.bool(committed);
    writer.tags();
  },
  decode(reader, version) {
    reader.skip(4);
    const errorCode = reader.int16();
    if (version < 5) return { errorCode };
    const producerId = reader.bigInt64();
    const producerEpoch = reader.int16();
    return producerId === UNKNOWN ? { errorCode } : { errorCode, producerId, producerEpoch };
  },
};
