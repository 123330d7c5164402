import { deepEqual, equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { crc32c } from '../../../../common/kafka/crc32c.ts';
import { encodeBatch, encodeRecords, type RecordToEncode } from '../../../../common/kafka/record-batch.ts';

interface VectorRecord {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly keyText?: string;
  readonly keyHex?: string;
  readonly valueHex: string | null;
  readonly headers?: Record<string, string>;
}

interface Vectors {
  readonly crc32c: readonly { readonly text?: string; readonly hex?: string; readonly crc: number }[];
  readonly batches: readonly {
    readonly name: string;
    readonly records: readonly VectorRecord[];
    readonly header: {
      readonly firstTimestamp: string;
      readonly maxTimestamp: string;
      readonly producerId: string;
      readonly producerEpoch: number;
      readonly firstSequence: number;
      readonly lastOffsetDelta: number;
      readonly transactional: boolean;
    };
    readonly hex: string;
  }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/record-batch.json', import.meta.url), 'utf8'),
) as Vectors;

const TRANSACTIONAL = 0x10;

function recordOf({ keyText, keyHex, valueHex, headers, ...deltas }: VectorRecord): RecordToEncode {
  const value = valueHex === null ? null : Buffer.from(valueHex, 'hex');
  return { ...deltas, key: keyText ?? Buffer.from(keyHex!, 'hex'), value, headers };
}

describe('common/kafka/record-batch', () => {
  for (const { name, records, header, hex } of vectors.batches) {
    it(`writes ${name} as the vector says`, () => {
      const { firstTimestamp, maxTimestamp, producerId, transactional, ...rest } = header;
      const batch = encodeBatch(
        {
          ...rest,
          attributes: transactional ? TRANSACTIONAL : 0,
          firstTimestamp: BigInt(firstTimestamp),
          maxTimestamp: BigInt(maxTimestamp),
          producerId: BigInt(producerId),
          recordCount: records.length,
        },
        encodeRecords(records.map(recordOf)),
      );
      equal(batch.toString('hex'), hex);
    });
  }

  for (const { text, hex, crc } of vectors.crc32c) {
    it(`computes the checksum of ${text ?? hex}`, () => {
      equal(crc32c(text === undefined ? Buffer.from(hex!, 'hex') : Buffer.from(text)), crc);
    });
  }

  it('keeps the header list in its order, repeated keys and null values', () => {
    const headerList = [
      { key: Buffer.from('2'), value: Buffer.from('x') },
      { key: Buffer.from('1'), value: null },
      { key: Buffer.from('2'), value: Buffer.from('y') },
    ];
    const bytes = encodeRecords([{ offsetDelta: 0, timestampDelta: 0, key: null, value: null, headerList }]);
    // length 17, attributes, two deltas, key and value -1, 3 headers; varints are zigzag, so twice the number
    deepEqual(bytes, Buffer.from([34, 0, 0, 0, 1, 1, 6, 2, 50, 2, 120, 2, 49, 1, 2, 50, 2, 121]));
  });
});
