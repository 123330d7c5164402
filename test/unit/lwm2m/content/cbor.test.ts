import assert from 'node:assert/strict';
import { CborReader } from '../../../../lwm2m/content/cbor-reader.ts';
import { readCborValue } from '../../../../lwm2m/content/cbor-values.ts';
import { CborWriter } from '../../../../lwm2m/content/cbor-writer.ts';
import { decodeContent, encodeContent } from '../../../../lwm2m/content/codec.ts';
import { MAX_CBOR_DEPTH, MAX_CONTENT_BYTES } from '../../../../lwm2m/content/content-limits.ts';
import type { ResourceValue } from '../../../../lwm2m/content/node.ts';
import { parsePath } from '../../../../lwm2m/path.ts';
import { readVectors, resourceIdOf, TEST_MODELS, TEST_OBJECT } from '../../../vectors/lwm2m-vectors.ts';

const CBOR = 60;
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

interface CborVectors {
  readonly source: string;
  readonly notWellFormedSource: string;
  readonly notWellFormed: readonly string[];
  readonly items: readonly {
    readonly hex: string;
    readonly diagnostic: string;
    readonly value?: readonly [string, unknown];
    readonly null?: true;
    readonly none?: string;
    readonly written?: true;
  }[];
}

/** The item as a vector has it: kind and value, null, or "none" when it is no value. */
function readItem(payload: Buffer): unknown {
  const reader = new CborReader(payload);
  const wire = readCborValue(reader);
  reader.end();
  if (wire === undefined) return null;
  if (typeof wire === 'string') return 'none';
  const { kind, value } = wire;
  if (Buffer.isBuffer(value)) return [kind, value.toString('hex')];
  return [kind, Object.is(value, -0) ? '-0' : typeof value === 'bigint' ? String(value) : value];
}

function written([kind, value]: readonly [string, unknown]): string {
  const writer = new CborWriter();
  if (kind === 'integer') writer.integer(typeof value === 'string' ? BigInt(value) : (value as number));
  else if (kind === 'text') writer.text(value as string);
  else if (kind === 'boolean') writer.boolean(value as boolean);
  else writer.byteString(bytes(value as string));
  return writer.finish().toString('hex');
}

describe('CBOR', () => {
  const { source, items, notWellFormed, notWellFormedSource } = readVectors<CborVectors>('cbor');
  for (const item of items) {
    it(`reads ${item.diagnostic} from ${item.hex} (${source})`, () => {
      assert.deepEqual(readItem(bytes(item.hex)), item.null ? null : (item.value ?? 'none'));
    });
    if (item.written !== true) continue;
    it(`writes ${item.diagnostic}`, () => assert.equal(written(item.value!), item.hex));
  }

  for (const hex of notWellFormed) {
    it(`refuses ${hex} (${notWellFormedSource})`, () => {
      assert.throws(() => readItem(bytes(hex)), { code: 'LWM2M_CONTENT' });
    });
  }

  it('reads decimal fractions and bignums as far as 64 bits go (RFC 8949 §3.4)', () => {
    assert.deepEqual(readItem(bytes('c4 82 21 19 6ab3')), ['float', 273.15]); // the example of §3.4.4
    assert.deepEqual(readItem(bytes('c4 9f 21 19 6ab3 ff')), ['float', 273.15]);
    assert.deepEqual(readItem(bytes('c2 48 ffffffffffffffff')), ['integer', '18446744073709551615']);
    assert.deepEqual(readItem(bytes('c2 4a 00000000000000000001')), ['integer', 1]);
    assert.deepEqual(readItem(bytes('c3 40')), ['integer', -1]);
    assert.deepEqual(readItem(bytes('d9d9f7 05')), ['integer', 5]);
    for (const item of ['c4 05', 'c4 81 01', 'c4 83 01 02 03', 'c4 9f 01 02 03 ff', 'c4 82 fb3ff0000000000000 01']) {
      assert.equal(readItem(bytes(item)), 'none', item);
    }
    assert.equal(readItem(bytes('c4 82 1b7fffffffffffffff 01')), 'none');
    assert.equal(readItem(bytes('c4 82 19 0190 01')), 'none'); // 1e400
    assert.equal(readItem(bytes('c0 61 78')), 'none');
    assert.equal(readItem(bytes('c1 61 78')), 'none');
    assert.equal(readItem(bytes('c2 05')), 'none');
  });

  const malformed = {
    nothing: '',
    'an argument cut short': '19 01',
    'a float cut short': 'fb 00 00',
    'a string cut short': '45 01 02',
    'a string of 2^64 - 1 bytes': '5b ffffffffffffffff',
    'an array of 2^64 - 1 items': '9b ffffffffffffffff',
    'a map of 2^32 pairs': 'bb 0000000100000000 01 02',
    'an array that lacks an item': '82 01',
    'reserved info': '1c',
    'an integer of indefinite length': '1f',
    'a tag of indefinite length': 'df 01',
    'a break alone': 'ff',
    'no break': '9f 01',
    'a text chunk in a byte string': '5f 61 61 ff',
    'a chunk of indefinite length': '5f 5f 41 00 ff ff',
    'text that is not UTF-8': '62 c3 28',
    'text with half a surrogate': '63 ed a0 80',
    'a UTF-8 character cut by a chunk end, and never ended': '7f 61 c3 ff',
    'bytes after the end': '01 01',
  };
  for (const [name, hex] of Object.entries(malformed)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => readItem(bytes(hex)), { code: 'LWM2M_CONTENT' });
    });
  }

  it('refuses nesting beyond its limit, however it is made', () => {
    for (const [open, close] of [
      ['81', '00'],
      ['9f', '00'],
      ['a100', '00'],
      ['bf00', '00'],
      ['c1', '00'],
      ['c482', '0101'],
      ['d9d9f7', '00'],
    ]) {
      const deep = bytes(open!.repeat(100_000) + close);
      assert.throws(() => readItem(deep), { code: 'LWM2M_CONTENT' }, open);
    }
    assert.equal(readItem(bytes(`${'81'.repeat(MAX_CBOR_DEPTH)}00`)), 'none');
  });

  it('refuses a payload beyond its limit unread', () => {
    assert.throws(() => readItem(Buffer.alloc(MAX_CONTENT_BYTES + 1)), { code: 'LWM2M_CONTENT' });
    const full = Buffer.concat([bytes('5a 000ffffb'), Buffer.alloc(MAX_CONTENT_BYTES - 5)]);
    assert.equal((readItem(full) as [string, string])[1].length, 2 * (MAX_CONTENT_BYTES - 5));
  });
});

describe('CBOR content', () => {
  const path = (type: Parameters<typeof resourceIdOf>[0]) => parsePath(`/${TEST_OBJECT}/0/${resourceIdOf(type)}`);
  const read = (type: Parameters<typeof resourceIdOf>[0], hex: string) =>
    (decodeContent(CBOR, bytes(hex), path(type), TEST_MODELS) as { value: ResourceValue }).value;

  const readable: readonly [Parameters<typeof resourceIdOf>[0], string, unknown][] = [
    ['INTEGER', '18 64', 100],
    ['INTEGER', 'f9 4900', 10], // a whole float loses nothing
    ['INTEGER', '1b 7fffffffffffffff', 2n ** 63n - 1n],
    ['INTEGER', '3b 7fffffffffffffff', -(2n ** 63n)],
    ['UNSIGNED', '1b ffffffffffffffff', 2n ** 64n - 1n],
    ['FLOAT', '05', 5],
    ['FLOAT', 'f9 3e00', 1.5],
    ['FLOAT', 'c4 82 20 0f', 1.5],
    ['BOOLEAN', 'f5', true],
    ['BOOLEAN', '00', false],
    ['TIME', 'c1 1a 51824 28f', 1_367_491_215_000],
    ['TIME', '1a 5182428f', 1_367_491_215_000],
    ['TIME', 'c1 fb 41d452d9ec200000', 1_363_896_240_500],
    ['TIME', 'c0 74 323031332d30332d32315432303a30343a30305a', 1_363_896_240_000],
    ['STRING', '61 78', 'x'],
    ['OPAQUE', '42 0102', Buffer.of(1, 2)],
    ['OBJLNK', '65 31323a3334', { objectId: 12, instanceId: 34 }],
  ];
  for (const [type, hex, value] of readable) {
    it(`reads ${type} from ${hex}`, () => {
      assert.deepEqual(read(type, hex), { type: type === 'UNSIGNED' ? 'INTEGER' : type, value });
    });
  }

  const refused: readonly [Parameters<typeof resourceIdOf>[0], string][] = [
    ['INTEGER', '61 35'],
    ['INTEGER', 'f9 3e00'],
    ['INTEGER', '1b 8000000000000000'],
    ['INTEGER', 'f5'],
    ['INTEGER', 'f6'],
    ['UNSIGNED', '20'],
    ['FLOAT', 'f9 7e00'],
    ['FLOAT', 'f9 7c00'],
    ['FLOAT', '61 35'],
    ['FLOAT', 'c1 05'],
    ['BOOLEAN', '02'],
    ['BOOLEAN', '64 74727565'],
    ['STRING', '41 78'],
    ['STRING', '05'],
    ['OPAQUE', '61 78'],
    ['TIME', '61 78'],
    ['TIME', '1b ffffffffffffffff'],
    ['OBJLNK', '63 313a32 00'],
    ['OBJLNK', '67 36353533363a30'],
    ['OBJLNK', '61 31'],
    ['STRING', 'd8 20 61 78'],
    ['INTEGER', '81 05'],
  ];
  for (const [type, hex] of refused) {
    it(`refuses ${hex} for ${type}`, () => {
      assert.throws(() => read(type, hex), { code: 'LWM2M_CONTENT' });
    });
  }

  it('carries a single value only', () => {
    for (const wide of ['/', '/3', '/3/0']) {
      const call = () => decodeContent(CBOR, bytes('05'), parsePath(wide), TEST_MODELS);
      assert.throws(call, { code: 'LWM2M_CONTENT_FORMAT' });
    }
    const multiple = { kind: 'multipleResource', id: 7, type: 'INTEGER', values: new Map() } as const;
    assert.throws(() => encodeContent(CBOR, multiple, parsePath('/3/0/7')), { code: 'LWM2M_CONTENT_FORMAT' });
  });

  it('marks a TIME by a tag', () => {
    const node = { kind: 'resource', id: 13, value: { type: 'TIME', value: 1_367_491_215_000 } } as const;
    assert.equal(encodeContent(CBOR, node, parsePath('/3/0/13')).toString('hex'), 'c11a5182428f');
  });

  const unwritable: readonly ResourceValue[] = [
    { type: 'FLOAT', value: Number.NaN },
    { type: 'FLOAT', value: Number.POSITIVE_INFINITY },
    { type: 'INTEGER', value: 1.5 },
    { type: 'INTEGER', value: 2n ** 64n },
    { type: 'INTEGER', value: -(2n ** 63n) - 1n },
    { type: 'INTEGER', value: 2 ** 53 },
    { type: 'STRING', value: '\ud800' },
    { type: 'OBJLNK', value: { objectId: 65536, instanceId: 0 } },
    { type: 'TIME', value: 0.5 },
  ];
  for (const value of unwritable) {
    for (const format of [CBOR, 110, 112, 11543, 11544]) {
      it(`refuses to write ${value.type} ${String(value.value)} as ${format}`, () => {
        const node = { kind: 'resource', id: 0, value } as const;
        assert.throws(() => encodeContent(format, node, parsePath('/9/9/0')), { code: 'LWM2M_CONTENT' });
      });
    }
  }
});
