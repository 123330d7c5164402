import assert from 'node:assert/strict';
import { decodeTlv, encodeTlv, MAX_TLV_ENTRIES, type TlvEntry } from '../../../../lwm2m/content/tlv.ts';

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const leaf = (kind: 'resource' | 'resourceInstance', id: number, value: Buffer, offset = 0): TlvEntry => ({
  kind,
  id,
  offset,
  value,
});

describe('TLV bytes', () => {
  it('reads each kind, with offsets', () => {
    const entries = decodeTlv(bytes('c1 05 2a  00 01  83 02 41 7f 07  05 00 c1 00 2a c0 01'));
    assert.deepEqual(entries, [
      leaf('resource', 5, bytes('2a'), 0),
      { kind: 'objectInstance', id: 1, offset: 3, children: [] },
      { kind: 'multipleResource', id: 2, offset: 5, children: [leaf('resourceInstance', 127, bytes('07'), 7)] },
      {
        kind: 'objectInstance',
        id: 0,
        offset: 10,
        children: [leaf('resource', 0, bytes('2a'), 12), leaf('resource', 1, bytes(''), 15)],
      },
    ]);
  });

  const sizes: readonly [number, number, string][] = [
    [0, 0, 'c000'],
    [7, 255, 'c7ff'],
    [8, 256, 'e8010008'],
    [255, 65535, 'e8ffffff'],
    [256, 1, 'd0010100'],
    [65535, 1, 'd001ffff'],
    [65536, 300, 'f8012c010000'],
  ];
  for (const [length, id, header] of sizes) {
    it(`reads and writes a value of ${length} bytes under id ${id}`, () => {
      const value = Buffer.alloc(length, 0x5a);
      const written = encodeTlv([leaf('resource', id, value)]);
      assert.equal(written.subarray(0, written.length - length).toString('hex'), header);
      assert.deepEqual(decodeTlv(written), [leaf('resource', id, value)]);
    });
  }

  it('takes longer ids and lengths than are needed', () => {
    for (const hex of [
      'e1 0001 2a',
      'c8 01 01 2a',
      'd0 01 0001 2a',
      'd8 01 000001 2a',
      'cf 01 01 2a',
      'f8 0001 000001 2a',
    ]) {
      assert.deepEqual(decodeTlv(bytes(hex)), [leaf('resource', 1, bytes('2a'))], hex);
    }
  });

  it('reads an empty payload as no entry and takes any Uint8Array', () => {
    assert.deepEqual(decodeTlv(new Uint8Array()), []);
    const view = new Uint8Array([9, 9, 0xc1, 5, 0x2a, 9]).subarray(2, 5);
    assert.deepEqual(decodeTlv(view), [leaf('resource', 5, bytes('2a'))]);
  });

  const refused: readonly [string, string, number][] = [
    ['a type byte alone', 'c1', 0],
    ['half an id', 'e1 00', 0],
    ['a missing length', 'c8 01', 0],
    ['half a length', 'd0 01 00', 0],
    ['a missing value', 'c1 01', 0],
    ['a value cut short', 'c8 01 08 01020304050607', 0],
    ['the longest length', 'd8 01 ffffff 00', 0],
    ['a second entry cut short', 'c1 01 2a c2 02 2a', 3],
    ['a child that outgrows its parent', '03 00 c2 00 2a 2b', 2],
    ['an instance in an instance', '02 00 00 00', 2],
    ['a resource instance in an object instance', '03 00 41 00 2a', 2],
    ['a resource in a multiple resource', '83 00 c1 00 2a', 2],
    ['a multiple resource in a multiple resource', '82 00 80 00', 2],
    ['an instance in a multiple resource', '82 00 00 00', 2],
  ];
  for (const [name, hex, offset] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(() => decodeTlv(bytes(hex)), { code: 'LWM2M_TLV', details: { offset } });
    });
  }

  it('refuses nesting at the third level, however deep it goes on', () => {
    let nested = bytes('00 00');
    for (let depth = 0; depth < 2_000; depth++) {
      const header = bytes('18 00 000000'); // an object instance with three length bytes
      header.writeUIntBE(nested.length, 2, 3);
      nested = Buffer.concat([header, nested]);
    }
    assert.throws(() => decodeTlv(nested), { code: 'LWM2M_TLV', details: { offset: 5 } });
  });

  it(`reads ${MAX_TLV_ENTRIES} entries and no more`, () => {
    assert.equal(decodeTlv(Buffer.alloc(2 * MAX_TLV_ENTRIES)).length, MAX_TLV_ENTRIES);
    const offset = 2 * MAX_TLV_ENTRIES;
    assert.throws(() => decodeTlv(Buffer.alloc(2 * MAX_TLV_ENTRIES + 2)), { code: 'LWM2M_TLV', details: { offset } });
  });

  it('does not write an id or a length that does not fit', () => {
    for (const id of [-1, 65536, 0.5]) {
      assert.throws(() => encodeTlv([leaf('resource', id, bytes(''))]), { code: 'LWM2M_TLV' });
    }
    assert.throws(() => encodeTlv([leaf('resource', 0, Buffer.alloc(2 ** 24))]), { code: 'LWM2M_TLV' });
  });
});
