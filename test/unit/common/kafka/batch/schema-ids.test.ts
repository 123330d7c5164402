import { deepEqual, equal, throws } from 'node:assert/strict';
import { patchSchemaIds } from '../../../../../common/kafka/batch/schema-ids.ts';
import { encodeRecords } from '../../../../../common/kafka/record-batch.ts';

const framed = (id: number) => Buffer.of(0, id >>> 24, id >>> 16, id >>> 8, id, 1, 2);

function section(pairs: readonly (readonly [Buffer | null, Buffer | null])[]): Buffer {
  return encodeRecords(pairs.map(([key, value], offsetDelta) => ({ offsetDelta, timestampDelta: 0, key, value })));
}

const known = (ids: Readonly<Record<number, number>>) => (id: number) => ids[id];

describe('common/kafka/batch/schema-ids', () => {
  it('replaces the ids of framed keys and values, each by its own map', () => {
    const records = section([
      [framed(1), framed(2)],
      [framed(2), framed(0xffff_fffe)],
    ]);
    const ids = { key: known({ 1: 7, 2: 0x8000_0001 }), value: known({ 2: 3, 4294967294: 0 }) };
    equal(patchSchemaIds(records, 0, records.length, 2, ids), undefined);
    deepEqual(
      records,
      section([
        [framed(7), framed(3)],
        [framed(0x8000_0001), framed(0)],
      ]),
    );
  });

  it('leaves what is not framed: none, short, another magic byte', () => {
    const guid = Buffer.concat([Buffer.of(1), Buffer.alloc(16, 9), Buffer.of(5)]);
    const records = section([
      [null, null],
      [Buffer.alloc(0), Buffer.of(0, 0, 0, 1)],
      [guid, Buffer.from('plain text')],
    ]);
    const before = Buffer.from(records);
    const never = () => {
      throw new Error('nothing here has an id');
    };
    equal(patchSchemaIds(records, 0, records.length, 3, { key: never, value: never }), undefined);
    deepEqual(records, before);
  });

  it('names the first id that is not known and has then changed nothing', () => {
    const records = section([
      [framed(1), framed(2)],
      [framed(1), framed(5)],
      [framed(6), null],
    ]);
    const before = Buffer.from(records);
    const ids = { key: known({ 1: 10 }), value: known({ 2: 20 }) };
    deepEqual(patchSchemaIds(records, 0, records.length, 3, ids), { part: 'value', id: 5 });
    deepEqual(records, before);
  });

  it('changes nothing either where a later record is corrupt', () => {
    const records = section([[framed(1), null]]);
    const before = Buffer.from(records);
    const ids = { key: () => 10, value: () => 10 };
    throws(() => patchSchemaIds(records, 0, records.length, 2, ids), { code: 'RECORD_BATCH_CORRUPT' });
    deepEqual(records, before);
  });
});
